# Installing the library: static and shared from the same objects, the header, pkg-config, a CMake package, the manual.
# Every path in what is installed is relative to where it lies, so that the whole can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(grain::grain ALIAS grain) # for add_subdirectory(); installed, grain::grain is the shared one

add_library(grain_shared SHARED $<TARGET_OBJECTS:grain>)
target_link_libraries(grain_shared PRIVATE $<BUILD_INTERFACE:grain_flags> Threads::Threads ${CMAKE_DL_LIBS}
  $<$<BOOL:${OpenMP_C_FOUND}>:OpenMP::OpenMP_C>)
set_target_properties(grain_shared PROPERTIES OUTPUT_NAME grain EXPORT_NAME grain
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
set_target_properties(grain PROPERTIES EXPORT_NAME static)

if(NOT PROJECT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR)
  return() # part of somebody else's project: what that installs is its own affair
endif()

# Two files of targets: only who links statically needs to find OpenMP.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/grain)
set(target_of_shared grain_shared)
set(target_of_static grain)
foreach(kind IN ITEMS shared static)
  install(TARGETS ${target_of_${kind}} EXPORT grain-${kind}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT grain-${kind} NAMESPACE grain:: DESTINATION ${package})
endforeach()
configure_package_config_file(grain-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/grain-config.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/grain-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/grain-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/grain-config-version.cmake
  DESTINATION ${package})

# pkg-config: what a static library needs is private to it. Where the linker does not look by itself, as for LLVM's
# OpenMP, a library goes by its path.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
set(libs_private -pthread)
foreach(lib IN LISTS CMAKE_DL_LIBS OpenMP_C_LIB_NAMES)
  get_filename_component(folder "${OpenMP_${lib}_LIBRARY}" DIRECTORY)
  if(folder STREQUAL "" OR folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND libs_private -l${lib})
  else()
    list(APPEND libs_private ${OpenMP_${lib}_LIBRARY})
  endif()
endforeach()
list(REMOVE_DUPLICATES libs_private)
list(JOIN libs_private " " libs_private)
configure_file(grain.pc.in ${CMAKE_CURRENT_BINARY_DIR}/grain.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/grain.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES grain.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The manual: one page, and a name for every function.
file(STRINGS grain.h functions REGEX "^GRAIN_API")
set(pages ${PROJECT_SOURCE_DIR}/docs/grain.3)
foreach(function IN LISTS functions)
  string(REGEX REPLACE ".*(grain_[a-z_]+)\\(.*" "\\1" function "${function}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/man3/${function}.3 ".so man3/grain.3\n")
  list(APPEND pages ${CMAKE_CURRENT_BINARY_DIR}/man3/${function}.3)
endforeach()
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS grain.h)
