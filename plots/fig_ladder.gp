# SPDX-License-Identifier: MIT
#
# Figure (d): one call of apply as a bar a rung, on a log axis; the raw round trip of its kind is a line across the bar.
#   gnuplot -e "data='fig_ladder.csv'; out='fig_ladder.svg'; fmt='svg'" plots/fig_ladder.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_ladder.gp")]
load folder."style.gp"
row_mm = narrow ? 6.5 : 6.2
height = (narrow ? 47 : 43) + row_mm * (yhigh - ylow)
load folder."page.gp"

set logscale x 10
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
set xtics ("1 ns" 1, "10 ns" 10, "100 ns" 1e2, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8)
set border 1
unset ytics
set grid xtics ls 14
left = narrow ? 24 : 30
set label 14 xlabel at screen x_at(0.5 * (left + width - 4)), y_at(22 + row_mm * (yhigh - ylow) + 9.2) center noenhanced
set lmargin at screen x_at(left)
set rmargin at screen x_at(width - 4)
set tmargin at screen y_at(22)
set bmargin at screen y_at(22 + row_mm * (yhigh - ylow))
unset key
set style textbox opaque noborder fillcolor rgb paper margins 0.3, 0.2
plot for [s = 1:5] data using (is("bar") && column("style") == s ? column("x") : NaN):"y":(xlow):"x": \
        (column("y") - 0.34):(column("y") + 0.34) with boxxyerror ls s fs solid 0.85 noborder, \
    data using (is("bar") ? column("x") : NaN):"y":"low":"high" with xerrorbars pt -1 lc rgb ink lw 0.9, \
    data using (is("raw") ? column("x") : NaN):(column("y") - 0.46):(0):(0.92) with vectors nohead lc rgb ink lw 2.2 dt 1, \
    data using (is("value") ? column("x") : NaN):"y":"text" with labels boxed left offset character 1, 0 \
        font font(small_px) noenhanced, \
    data using (is("name") ? 1.001 * xlow : NaN):"y":"text" with labels right offset character -0.6, 0 \
        font font(small_px) noenhanced
unset multiplot
