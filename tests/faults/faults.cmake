# What happens when processes die: fork only.
add_library(faults_shared STATIC faults/faults.c)
target_link_libraries(faults_shared PRIVATE grain_flags PUBLIC grain PkgConfig::CMOCKA)
foreach(program deaths storm)
  add_executable(faults_${program} faults/${program}.c)
  target_link_libraries(faults_${program} PRIVATE grain_flags faults_shared)
  add_test(NAME faults/${program} COMMAND faults_${program})
  set_tests_properties(faults/${program} PROPERTIES TIMEOUT 120 LABELS faults)
endforeach()
