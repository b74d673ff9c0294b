grain_unit(kernels)
grain_unit(machine)
grain_unit(quota)
# These tests stand between the library and the kernel: they make up affinity masks and control groups.
target_link_options(test_machine PRIVATE -Wl,--wrap=sched_getaffinity)
target_link_options(test_quota PRIVATE -Wl,--wrap=sched_getaffinity -Wl,--wrap=fopen)
if(GRAIN_HWLOC_INCLUDE)
  target_compile_definitions(test_machine PRIVATE GRAIN_HAVE_HWLOC)
endif()
