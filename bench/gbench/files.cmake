# grain-bench: the cells, run under Google Benchmark through a C shim. gbench.cc is the only C++ in it. main.c is apart
# so that a test can link the rest with a kernel that goes wrong.
string(TOUPPER "${CMAKE_BUILD_TYPE}" GRAIN_BUILD_TYPE_UPPER)
grain_stage(gbench
  SOURCES gbench/cells.c gbench/subject.c gbench/kind.c gbench/kind_map.c gbench/kind_async.c
    gbench/kind_iter.c gbench/kind_spawn.c gbench/kind_idle.c gbench/kind_wait.c gbench/kind_floor.c gbench/read_words.c gbench/order.c gbench/work.c gbench/body.c gbench/peak.c gbench/echo.c gbench/bound.c gbench/quiet.c gbench/gbench.cc
  LIBS grain_sweep grain_data grain_peers benchmark::benchmark)
target_compile_definitions(grain_gbench PUBLIC
  GRAIN_COMPILER="${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
  GRAIN_BUILD_FLAGS="${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${GRAIN_BUILD_TYPE_UPPER}}")

add_executable(grain-bench gbench/main.c)
target_link_libraries(grain-bench PRIVATE grain_flags grain_gbench grain_peers)
