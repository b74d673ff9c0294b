if(TARGET grain_report)
  grain_unit(table LIBS grain_report)
  grain_unit(results LIBS grain_report)
endif()
