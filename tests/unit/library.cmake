# The library's own parts, seen from inside.
grain_unit(claim LIBS)
grain_unit(steal LIBS)
grain_unit(pilot LIBS)
grain_unit(ring LIBS)
grain_unit(arena LIBS)
grain_unit(pipe LIBS)
grain_unit(process LIBS)
