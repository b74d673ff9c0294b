# Lists and plans, the journal, what benchmarks print, the processes that run them.
if(GRAIN_BUILD_BENCH)
  grain_unit(plan LIBS grain_sweep)
  grain_unit(ladder LIBS grain_sweep)
  grain_unit(plan_calls LIBS grain_sweep)
  grain_unit(journal LIBS grain_sweep)
  grain_unit(output LIBS grain_sweep)
  grain_unit(child LIBS grain_sweep)
endif()
