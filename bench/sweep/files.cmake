# Planning and running a sweep. cell.c is shared with grain-bench.
grain_stage(sweep
  SOURCES sweep/cell.c sweep/list.c sweep/profiles.c sweep/profiles_inside.c sweep/plan.c sweep/grid.c sweep/estimate.c sweep/record.c sweep/journal.c
    sweep/clock.c sweep/child.c sweep/dataset.c sweep/output.c sweep/measure.c sweep/calibrate.c sweep/run.c
    sweep/progress.c sweep/fresh.c sweep/facts.c sweep/provenance.c sweep/peer.c sweep/program.c sweep/text.c
  LIBS grain_data PkgConfig::GSL PkgConfig::JANSSON)
string(TOUPPER "${CMAKE_BUILD_TYPE}" GRAIN_BUILD_TYPE_UPPER)
target_compile_definitions(grain_sweep PRIVATE
  GRAIN_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  GRAIN_LIBOMP_PATH="${GRAIN_LIBOMP_PATH}"
  GRAIN_DATA_FROM_BIN="${GRAIN_DATA_FROM_BIN}"
  GRAIN_BUILD_TYPE="${CMAKE_BUILD_TYPE}"
  GRAIN_BUILD_FLAGS="${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${GRAIN_BUILD_TYPE_UPPER}}"
  GRAIN_COMPILER="${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
