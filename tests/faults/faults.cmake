# What happens when processes die: fork only.
add_library(faults_shared STATIC faults/faults.c faults/planned.c)
target_link_libraries(faults_shared PRIVATE grain_flags PUBLIC grain_internal PkgConfig::CMOCKA)
foreach(program deaths births async retries limits storm told rows crashes lost descriptors credentials
  output exits signals found stopped)
  add_executable(faults_${program} faults/${program}.c)
  target_link_libraries(faults_${program} PRIVATE grain_flags faults_shared)
  add_test(NAME faults/${program} COMMAND faults_${program})
  set_tests_properties(faults/${program} PROPERTIES TIMEOUT 240 LABELS faults)
endforeach()

# The harness's own pool over pipes: nothing is recovered, nothing hangs.
if(TARGET grain_own)
  add_executable(faults_fork_pipe faults/fork_pipe.c)
  target_link_libraries(faults_fork_pipe PRIVATE grain_flags faults_shared grain_own)
  add_test(NAME faults/fork_pipe COMMAND faults_fork_pipe)
  set_tests_properties(faults/fork_pipe PROPERTIES TIMEOUT 120 LABELS faults)
endif()

add_test(NAME faults/crashes_long COMMAND faults_crashes long)
set_tests_properties(faults/crashes_long PROPERTIES TIMEOUT 400 LABELS "faults;long")

foreach(program inject once) # against the library with its points switched on
  add_executable(faults_${program} faults/${program}.c faults/faults.c)
  target_compile_definitions(faults_${program} PRIVATE GRAIN_INJECT)
  target_link_libraries(faults_${program} PRIVATE grain_flags grain_inject PkgConfig::CMOCKA)
  add_test(NAME faults/${program} COMMAND faults_${program})
  set_tests_properties(faults/${program} PROPERTIES TIMEOUT 300 LABELS faults)
endforeach()

# The team's sources once more, with every atomic access a point of the model's driver; mutants.sh breaks copies of
# them. Not under sanitizers: they do not follow stacks that are put back as bytes.
if(NOT GRAIN_SANITIZE)
  set(model_impl ${PROJECT_SOURCE_DIR}/impl)
  set(model_team team/ring.c team/wake.c team/desc.c team/lend.c team/submit.c team/submit_one.c team/wait.c
    team/worker.c team/piece.c team/complete.c team/steal.c team/single.c team/part.c team/recover.c team/join.c team/loop.c
    sched/claim.c sched/steal.c job/fail.c job/run.c sys/child.c sys/lock.c sys/event.c job/limit.c)
  list(TRANSFORM model_team PREPEND ${model_impl}/ OUTPUT_VARIABLE model_sources)
  set(model_flags -O2 -U_FORTIFY_SOURCE) # a checked longjmp refuses to change stacks
  add_library(model_team OBJECT ${model_sources})
  target_compile_options(model_team PRIVATE ${model_flags} -include ${CMAKE_CURRENT_SOURCE_DIR}/faults/model_atomic.h)
  add_executable(faults_model faults/model.c faults/model_calls.c faults/model_points.c faults/model_machine.c
    faults/model_outside.c faults/model_search.c faults/model_state.c)
  target_compile_options(faults_model PRIVATE ${model_flags})
  foreach(target model_team faults_model)
    target_include_directories(${target} PRIVATE ${model_impl})
    target_compile_definitions(${target} PRIVATE GRAIN_INJECT STEAL_PACE_FIRST=3 THIEF_PAUSES=1 THIEF_LINGER_NS=0
      PATIENCE_TURNS=1)
    target_link_libraries(${target} PRIVATE grain_flags Threads::Threads)
  endforeach()
  target_link_libraries(faults_model PRIVATE model_team)
  # The short list has every protocol, store buffers among them; the long list more tasks and kills, and the mutants.
  add_test(NAME faults/model COMMAND faults_model quick buffers beside)
  add_test(NAME faults/model_long COMMAND faults_model usual more)
  add_test(NAME faults/mutants COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/faults/mutants.sh ${CMAKE_C_COMPILER}
    ${CMAKE_CURRENT_SOURCE_DIR}/faults ${model_impl} ${model_team})
  set_tests_properties(faults/model PROPERTIES TIMEOUT 200 LABELS faults)
  set_tests_properties(faults/model_long faults/mutants PROPERTIES TIMEOUT 400 LABELS "faults;long")
endif()
