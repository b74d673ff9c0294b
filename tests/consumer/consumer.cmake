# A program outside the tree, against what `cmake --install` puts where.
grain_bats(consumer DIR consumer TIMEOUT 300)
