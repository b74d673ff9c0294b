# From records to figures: medians, intervals, the overhead model, the claims.
grain_stage(analysis
  SOURCES analysis/statistics.c analysis/series.c analysis/study.c analysis/summary.c analysis/summary_file.c analysis/model.c
    analysis/claims.c analysis/claims_table.c analysis/claims_json.c analysis/aside.c analysis/ladder.c
    analysis/metg.c analysis/metg_value.c analysis/overhead.c analysis/cliff.c analysis/choice.c
  LIBS grain_sweep PkgConfig::GSL PkgConfig::JANSSON m)
