grain_stage(data SOURCES data/matrix.c data/random.c data/npy.c data/npy_header.c data/csv.c data/csv_advice.c LIBS PkgConfig::GSL)
