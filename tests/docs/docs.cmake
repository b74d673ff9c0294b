# What stands in the documentation is true: the header's blocks, the manual page, docs/python.md with its examples.
grain_bats(docs DIR docs)
