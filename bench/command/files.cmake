# The subcommands, and the command itself beside grain-bench.
grain_stage(command
  SOURCES command/say.c command/dispatch.c command/probe.c
    command/run.c command/run_calls.c command/run_all.c command/run_options.c command/run_print.c
    command/list.c command/doctor.c command/doctor_cpu.c command/doctor_rest.c
    command/sweep.c command/sweep_options.c command/sweep_winners.c command/report.c command/plot.c
  LIBS grain_sweep grain_analysis grain_report grain_data PkgConfig::JANSSON)

add_executable(grain_program grain.c)
set_target_properties(grain_program PROPERTIES OUTPUT_NAME grain)
target_link_libraries(grain_program PRIVATE grain_flags grain_command)
