grain_bats(figures DIR plots TIMEOUT 300)
grain_bats(scripts DIR plots)
