# What stands in the documentation is true: the header's blocks, the manual page, docs/python.md with its examples.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/examples/*.c)
foreach(example IN LISTS examples)
  get_filename_component(name ${example} NAME_WE)
  add_executable(example_${name} ${example})
  target_link_libraries(example_${name} PRIVATE grain_flags grain)
endforeach()
grain_bats(docs DIR docs)
grain_bats(examples DIR docs TIMEOUT 400)
