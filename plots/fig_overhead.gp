# SPDX-License-Identifier: MIT
#
# Figure (b): overhead per task as horizontal bars on a log axis. An open marker on the axis' edge is an overhead that
# does not stand out from the noise; its value is printed beside it.
#   gnuplot -e "data='fig_overhead.csv'; out='fig_overhead.svg'; fmt='svg'" plots/fig_overhead.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_overhead.gp")]
load folder."style.gp"
row_mm = narrow ? 4.6 : 4.4
height = (narrow ? 47 : 43) + row_mm * (yhigh - ylow)
load folder."page.gp"

set logscale x 10
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
if (narrow) {
    set xtics ("0.01 ns" 1e-2, "1 ns" 1, "100 ns" 1e2, "10 µs" 1e4, "1 ms" 1e6, "100 ms" 1e8, "" 1e-1, "" 10, "" 1e3, \
        "" 1e5, "" 1e7)
} else {
    set xtics ("0.001 ns" 1e-3, "0.01 ns" 1e-2, "0.1 ns" 1e-1, "1 ns" 1, "10 ns" 10, "100 ns" 1e2, "1 µs" 1e3, \
        "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8, "1 s" 1e9)
}
set border 1
unset ytics
set grid xtics ls 14
left = narrow ? 30 : 36
set label 14 xlabel at screen x_at(0.5 * (left + width - 4)), y_at(22 + row_mm * (yhigh - ylow) + 9.2) center noenhanced
set lmargin at screen x_at(left)
set rmargin at screen x_at(width - 4)
set tmargin at screen y_at(22)
set bmargin at screen y_at(22 + row_mm * (yhigh - ylow))
unset key
set style textbox opaque noborder fillcolor rgb paper margins 0.3, 0.2
if (rule > 0) {
    set arrow 11 from rule, graph 0 to rule, graph 1 nohead ls 13 back
    set label 12 rule_text at rule, graph 1 offset character 0, 0.6 left noenhanced tc rgb soft font font(small_px)
}
plot for [s = 1:5] data using (is("bar") && column("style") == s ? column("x") : NaN):"y":(xlow):"x": \
        (column("y") - 0.36):(column("y") + 0.36) with boxxyerror ls s fs solid 0.85 noborder, \
    data using (is("bar") ? column("x") : NaN):"y":"low":"high" with xerrorbars pt -1 lc rgb ink lw 0.9, \
    for [s = 1:5] data using (is("open") && column("style") == s ? xlow : NaN):"y" with points \
        ls s pt 6 ps 0.8 lw 1.4 dt 1, \
    data using (is("value") ? column("x") : NaN):"y":"text" with labels boxed left offset character 1, 0 \
        font font(small_px) noenhanced, \
    data using (is("name") ? xlow : NaN):"y":"text" with labels right offset character -0.6, 0 \
        font font(small_px) noenhanced, \
    data using (is("group") ? xlow : NaN):"y":"text" with labels left offset screen x_at(2 - left), 0 noenhanced
unset multiplot
