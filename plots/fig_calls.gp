# SPDX-License-Identifier: MIT
#
# Figure (d): ns a task on a log axis, a group of points a call, a point a backend; the serial loops as lines.
#   gnuplot -e "data='fig_calls.csv'; out='fig_calls.svg'; fmt='svg'" plots/fig_calls.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_calls.gp")]
load folder."style.gp"
row_mm = 3.7
high = row_mm * (yhigh - ylow)
top = 26
height = top + high + (narrow ? 33 : 27)
load folder."page.gp"

set logscale x 10
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
if (narrow) {
    set xtics ("1 ns" 1, "100 ns" 1e2, "10 µs" 1e4, "1 ms" 1e6, "100 ms" 1e8, "" 10, "" 1e3, "" 1e5, "" 1e7)
} else {
    set xtics ("0.1 ns" 1e-1, "1 ns" 1, "10 ns" 10, "100 ns" 1e2, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, \
        "10 ms" 1e7, "100 ms" 1e8, "1 s" 1e9)
}
set border 1
unset ytics
set grid xtics ls 14
left = narrow ? 26 : 32
set lmargin at screen x_at(left)
set rmargin at screen x_at(width - 4)
set tmargin at screen y_at(top)
set bmargin at screen y_at(top + high)
set label 14 xlabel at screen x_at(0.5 * (left + width - 4)), y_at(top + high + 9.2) center noenhanced
set key at screen x_at(narrow ? 3 : left), y_at(top + high + 12.5) left top horizontal maxcols (narrow ? 3 : 5) \
    Left reverse samplen 1.5 spacing 1.05 noenhanced font small_font
set style textbox opaque noborder fillcolor rgb paper margins 0.3, 0.2
plot for [s = 1:3] data using ((is("baseline_left") || is("baseline_right") || is("baseline_above")) && \
        column("series") == s ? column("x") : NaN):(ylow):(0):(yhigh - ylow) with vectors nohead ls 10 + s notitle, \
    data using (is("point") ? column("x") : NaN):"y":"low":"high" with xerrorbars pt -1 lc rgb ink lw 0.9 notitle, \
    data using (is("point") && strcol("text") eq "noisy" ? column("x") : NaN):"y" with points ls 15 notitle, \
    for [s = 1:5] data using (is("point") && column("style") == s ? column("x") : NaN):"y" with points ls s ps 0.9 \
        notitle, \
    data using (is("value") ? column("x") : NaN):"y":"text" with labels boxed left offset character 1, 0 \
        font font(small_px) noenhanced notitle, \
    data using (is("group") ? xlow : NaN):"y":"text" with labels left offset screen x_at(2 - left), character 0.5 \
        font font(small_px) noenhanced notitle, \
    data using (is("baseline_left") ? column("x") : NaN):(yhigh):"text" with labels right offset character -0.3, 0.6 \
        font font(small_px) noenhanced notitle, \
    data using (is("baseline_right") ? column("x") : NaN):(yhigh):"text" with labels left offset character 0.3, 0.6 \
        font font(small_px) noenhanced notitle, \
    data using (is("baseline_above") ? column("x") : NaN):(yhigh):"text" with labels left offset character 0.3, 1.7 \
        font font(small_px) noenhanced notitle, \
    for [s = 1:legends] keyentry with points ls legend_look[s] ps 0.9 title legend[s]
unset multiplot
