# grain-bench, also with a kernel that goes wrong, and CPython's cells.
if(TARGET grain-bench)
  add_executable(grain_bench_faulty ${PROJECT_SOURCE_DIR}/bench/gbench/main.c cli/faulty_kernel.c)
  target_link_libraries(grain_bench_faulty PRIVATE grain_flags grain_gbench grain_peers)
  target_link_options(grain_bench_faulty PRIVATE -Wl,--wrap=kernel_find)
  grain_bats(bench TIMEOUT 400)
endif()
grain_bats(cpython TIMEOUT 400)
grain_bats(peers TIMEOUT 400)
