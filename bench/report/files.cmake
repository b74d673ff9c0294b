# RESULTS.md, its tables, and the figures.
grain_stage(report
  SOURCES report/results.c report/finding.c report/comparison.c report/core.c report/growth.c report/calls.c report/ladder.c report/floor.c report/choice.c report/peers.c report/overhead.c report/cliff.c report/metg.c report/tables.c report/prose.c report/table.c report/env.c
    report/figures.c report/figure.c report/figure_calls.c report/figure_chunk.c report/figure_overhead.c report/figure_speedup.c report/figure_ladder.c report/figure_metg.c
  LIBS grain_analysis PkgConfig::JANSSON m)
target_compile_definitions(grain_report PRIVATE GRAIN_PLOTS_DIR="${PROJECT_SOURCE_DIR}/plots"
  GRAIN_DATA_FROM_BIN="${GRAIN_DATA_FROM_BIN}")
