# The contract: each program against every backend.
add_library(contract_shared STATIC contract/contract.c)
target_link_libraries(contract_shared PRIVATE grain_flags PUBLIC grain PkgConfig::CMOCKA)

function(grain_contract program)
  add_executable(contract_${program} contract/${program}.c)
  target_link_libraries(contract_${program} PRIVATE grain_flags contract_shared ${ARGN})
  foreach(backend serial null fork pthread openmp)
    add_test(NAME contract/${program}/${backend} COMMAND contract_${program} ${backend})
    set_tests_properties(contract/${program}/${backend} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77 LABELS contract)
  endforeach()
endfunction()

grain_contract(calls)
grain_contract(failures)
grain_contract(life)
if(OpenMP_C_FOUND)
  grain_contract(openmp_mix OpenMP::OpenMP_C)
endif()
