# Installing the library: static and shared from the same objects, the header, pkg-config, a CMake package, the manual.
# Every path in what is installed is relative to where it lies, so that the whole can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The static library has one member, in which all objects are linked to each other and everything but the functions of
# grain.h is local: it cannot clash with names of the program that links it.
add_library(grain STATIC $<TARGET_OBJECTS:grain_internal>)
grain_surroundings(grain)
set_target_properties(grain PROPERTIES LINKER_LANGUAGE C EXPORT_NAME static)
add_library(grain::grain ALIAS grain) # for add_subdirectory(); installed, grain::grain is the shared one

if(CMAKE_INTERPROCEDURAL_OPTIMIZATION OR "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${CMAKE_BUILD_TYPE}}" MATCHES "-flto")
  set(whole "link-time optimization leaves no objects to link beforehand")
elseif(GRAIN_SANITIZE)
  set(whole "sanitizers keep lists of what each object has; such a build is not for others")
elseif(NOT CMAKE_OBJCOPY OR NOT CMAKE_LINKER)
  set(whole "objcopy or ld is missing")
endif()
if(whole)
  message(STATUS "grain: libgrain.a keeps its inner names global: ${whole}")
else()
  set(object $<TARGET_FILE_DIR:grain>/grain.o)
  add_custom_command(TARGET grain POST_BUILD
    COMMAND ${CMAKE_LINKER} -r -o ${object} --whole-archive $<TARGET_FILE:grain>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
    COMMAND ${CMAKE_COMMAND} -E rm -f $<TARGET_FILE:grain>
    COMMAND ${CMAKE_AR} qc $<TARGET_FILE:grain> ${object}
    COMMAND ${CMAKE_RANLIB} $<TARGET_FILE:grain>
    VERBATIM)
endif()

# Until 1.0 a minor version may break programs, from then on a major one: that number is in the name that programs ask
# for (SONAME), in the node of their symbols' versions, and find_package() accepts no other.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(interface ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  set(compatibility SameMinorVersion)
else()
  set(interface ${PROJECT_VERSION_MAJOR})
  set(compatibility SameMajorVersion)
endif()
configure_file(grain.map.in ${CMAKE_CURRENT_BINARY_DIR}/grain.map @ONLY)

# Never unloaded: threads of OpenMP's runtime, and handlers at exit and fork, outlive every pool.
add_library(grain_shared SHARED $<TARGET_OBJECTS:grain_internal>)
grain_surroundings(grain_shared)
target_link_options(grain_shared PRIVATE LINKER:--version-script=${CMAKE_CURRENT_BINARY_DIR}/grain.map LINKER:-z,nodelete)
set_target_properties(grain_shared PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME grain EXPORT_NAME grain
  VERSION ${PROJECT_VERSION} SOVERSION ${interface} LINK_DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/grain.map)

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
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/grain-config-version.cmake COMPATIBILITY ${compatibility})
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
