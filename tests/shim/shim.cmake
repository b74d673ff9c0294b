# One call of some kind fails, the k-th, in grain's own code alone: shim.h. Linked into a program, it sees all calls that
# grain's archives and the program itself make.
set(shim_wraps fork pthread_create syscall malloc calloc aligned_alloc realloc reallocarray strdup strndup asprintf
  open_memstream getline free mmap mremap munmap fallocate memfd_create eventfd signalfd pipe2 fcntl open fopen fdopen write
  writev fflush fclose fsync rename renameat
  socketpair send)
list(TRANSFORM shim_wraps PREPEND "LINKER:--wrap=")
add_library(shim OBJECT shim/shim.c)
target_link_libraries(shim PRIVATE grain_flags Threads::Threads)
target_link_options(shim INTERFACE ${shim_wraps})

add_executable(shim_walk shim/walk.c shim/scenarios.c)
target_link_libraries(shim_walk PRIVATE grain_flags grain_internal shim)
add_test(NAME faults/walk COMMAND shim_walk)
set_tests_properties(faults/walk PROPERTIES TIMEOUT 240 LABELS faults)
# Code that leaks, crashes and hangs is found out.
add_test(NAME faults/walk_careless COMMAND shim_walk careless)
set_tests_properties(faults/walk_careless PROPERTIES TIMEOUT 60 LABELS faults
  PASS_REGULAR_EXPRESSION "blocks and mappings.*it crashes.*it hangs")

# The command with the shim in it: harness.sh walks sweep, resume, report and plot.
if(GRAIN_BUILD_BENCH)
  add_executable(shim_grain ${PROJECT_SOURCE_DIR}/bench/grain.c)
  target_link_libraries(shim_grain PRIVATE grain_flags grain_command shim)
  add_test(NAME faults/walk_harness COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/shim/harness.sh $<TARGET_FILE:shim_grain>
    ${CMAKE_CURRENT_SOURCE_DIR}/shim/fake-bench.sh ${PROJECT_SOURCE_DIR}/plots)
  set_tests_properties(faults/walk_harness PROPERTIES TIMEOUT 240 LABELS faults)
endif()
