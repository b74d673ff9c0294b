# The subcommands, and the command itself beside grain-bench.
grain_stage(command
  SOURCES command/say.c command/dispatch.c command/probe.c
    command/run.c command/run_calls.c command/run_all.c command/run_options.c command/run_print.c
    command/list.c command/doctor.c command/doctor_cpu.c command/doctor_rest.c command/doctor_openmp.c command/regions.c command/launch_mask.c
    command/sweep.c command/sweep_options.c command/sweep_winners.c command/report.c command/plot.c
  LIBS grain_sweep grain_analysis grain_report grain_data grain_peers PkgConfig::JANSSON)

# How OpenMP's regions behave is measured by regions of our own, in the one file of the harness that is OpenMP.
if(OpenMP_C_FOUND)
  target_sources(grain_command PRIVATE command/region_probe.c)
  set_source_files_properties(command/region_probe.c PROPERTIES COMPILE_OPTIONS "${OpenMP_C_FLAGS}")
  target_link_libraries(grain_command PRIVATE OpenMP::OpenMP_C)
  target_compile_definitions(grain_command PRIVATE GRAIN_HAVE_OPENMP)
endif()

add_executable(grain_program grain.c)
set_target_properties(grain_program PROPERTIES OUTPUT_NAME grain)
target_link_libraries(grain_program PRIVATE grain_flags grain_command)
