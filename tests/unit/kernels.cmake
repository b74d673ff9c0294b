grain_unit(kernels)
grain_unit(machine)
# The test stands between the library and the kernel: it makes up affinity masks and control groups.
target_link_options(test_machine PRIVATE -Wl,--wrap=sched_getaffinity -Wl,--wrap=fopen)
if(GRAIN_HWLOC_INCLUDE)
  target_compile_definitions(test_machine PRIVATE GRAIN_HAVE_HWLOC)
endif()
