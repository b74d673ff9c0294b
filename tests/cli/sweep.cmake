# grain sweep, against a stand-in for grain-bench and against the real one.
if(TARGET grain_program)
  grain_bats(sweep TIMEOUT 300)
  grain_bats(choice TIMEOUT 300)
  grain_bats(disk TIMEOUT 300)
  grain_bats(security TIMEOUT 240)
  grain_bats(installed TIMEOUT 300)
endif()
