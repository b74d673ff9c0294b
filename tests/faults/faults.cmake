# What happens when processes die: fork only.
add_executable(faults_deaths faults/deaths.c)
target_link_libraries(faults_deaths PRIVATE grain_flags grain PkgConfig::CMOCKA)
add_test(NAME faults/deaths COMMAND faults_deaths)
set_tests_properties(faults/deaths PROPERTIES TIMEOUT 120 LABELS faults)
