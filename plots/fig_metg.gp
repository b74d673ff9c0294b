# SPDX-License-Identifier: MIT
#
# Figure (e): efficiency against granularity, both thresholds of METG drawn. A line's looks go by its place in the table
# of bench/report/figure_metg.c: colour by backend, filled or other shape by call. Noisy cells are open. Looks: style.gp.
#   gnuplot -e "data='fig_metg.csv'; out='fig_metg.svg'; fmt='svg'" plots/fig_metg.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_metg.gp")]
load folder."style.gp"
height = narrow ? 133 : 118
load folder."page.gp"

lines = 8
array entry[lines] = ["", "", "", "", "", "", "", ""]
legendtitle = ""; there = "" # the numbers of the lines that are there
set print "/dev/null"
stats data using (is("entry") ? (entry[int(column("series"))] = strcol("text"), there = there." ".int(column("series")), 1) : \
    is("legendtitle") ? (legendtitle = strcol("text"), 1) : 1) nooutput
unset print

array solid[lines] = [7, 5, 9, 11, 13, 5, 9, 11]
array open[lines] = [6, 4, 8, 10, 12, 4, 8, 10]
dot = 0 # nothing to see below a filled marker; below an open one the line is wiped out

left = 16.0
wide = width - left - (narrow ? 10 : 12)
top = 22.0
high = narrow ? 56.0 : 55.0
set lmargin at screen x_at(left)
set rmargin at screen x_at(left + wide)
set tmargin at screen y_at(top)
set bmargin at screen y_at(top + high)

set logscale x 10
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
if (narrow) {
    set xtics ("1 ns" 1, "" 10, "100 ns" 1e2, "" 1e3, "10 µs" 1e4, "" 1e5, "1 ms" 1e6, "" 1e7, "100 ms" 1e8)
} else {
    set xtics ("1 ns" 1, "10 ns" 10, "100 ns" 1e2, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8)
}
set ytics 0.2 format "%.1f"
set grid xtics ytics ls 14
set label 14 xlabel at screen x_at(left + wide / 2), y_at(top + high + 9.2) center noenhanced
set label 15 ylabel at screen x_at(3.5), y_at(top + high / 2) center rotate by 90 noenhanced
set label 16 legendtitle at screen x_at(narrow ? 3 : left), y_at(top + high + 15) left noenhanced tc rgb soft font small_font
set key at screen x_at(narrow ? 1 : left - 3), y_at(top + high + 16.5) left top vertical maxrows (narrow ? 8 : 4) \
    Left reverse samplen 3 spacing 1.05 width -5 noenhanced font small_font
mine(s) = (is("point") && column("series") == int(s))
disturbs(s) = (mine(s) && strcol("text") eq "noisy")
plot data using (is("threshold") ? xlow : NaN):"y":(xhigh - xlow):(0) with vectors nohead ls 13 notitle, \
    data using (is("threshold") ? xhigh : NaN):"y":"text" with labels left offset character 0.5, 0 font small_font \
        noenhanced notitle, \
    for [s in there] data using (mine(s) ? column("x") : NaN):"low":(0):(column("high") - column("low")) with vectors nohead \
        ls 20 + s lw 0.9 dt 1 notitle, \
    for [s in there] data using (mine(s) ? column("x") : NaN):"y" with lines ls 20 + s notitle, \
    for [s in there] data using (mine(s) ? column("x") : NaN):"y":(disturbs(s) ? solid[int(s)] : dot) with points \
        ls 20 + s pt variable lc rgb paper notitle, \
    for [s in there] data using (mine(s) ? column("x") : NaN):"y":(disturbs(s) ? open[int(s)] : solid[int(s)]) with points \
        ls 20 + s pt variable notitle, \
    for [s in there] keyentry with linespoints ls 20 + s title entry[int(s)]
unset multiplot
