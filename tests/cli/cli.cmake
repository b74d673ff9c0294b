# The command, the scripts, the rules of the house; and the README's example, compiled as it stands there.
grain_bats(command)
grain_bats(run)
grain_bats(scripts)
grain_bats(include_law)

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README.md)
file(READ ${PROJECT_SOURCE_DIR}/README.md readme)
string(FIND "${readme}" "```c\n" begin)
math(EXPR begin "${begin} + 5")
string(SUBSTRING "${readme}" ${begin} -1 readme)
string(FIND "${readme}" "```" length)
string(SUBSTRING "${readme}" 0 ${length} example)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/readme_example.c "${example}")
add_executable(readme_example ${CMAKE_CURRENT_BINARY_DIR}/readme_example.c)
target_link_libraries(readme_example PRIVATE grain_flags grain)
add_test(NAME cli/readme_example COMMAND readme_example)
set_tests_properties(cli/readme_example PROPERTIES TIMEOUT 60 LABELS cli
  PASS_REGULAR_EXPRESSION "^4 2 1 2 3\n$")
