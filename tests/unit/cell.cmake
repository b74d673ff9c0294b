# Names of cells.
if(GRAIN_BUILD_BENCH)
  grain_unit(cell LIBS grain_sweep)
endif()
