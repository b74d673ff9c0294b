# What the doctor makes of what it finds, on a machine that is made up.
if(TARGET grain_command)
  grain_unit(doctor LIBS grain_command)
  target_link_options(test_doctor PRIVATE -Wl,--wrap=machine_cgroup_quota -Wl,--wrap=machine_affinity_count
    -Wl,--wrap=machine_threads_per_core -Wl,--wrap=getloadavg)
endif()
