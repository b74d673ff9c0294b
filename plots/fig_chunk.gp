# SPDX-License-Identifier: MIT
#
# Figure (a): ns per row against chunk, log-log; panel 1 `dynamic`, panel 2 each backend's best schedule.
#   gnuplot -e "data='fig_chunk.csv'; out='fig_chunk.svg'; fmt='svg'" plots/fig_chunk.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_chunk.gp")]
load folder."style.gp"
height = narrow ? 189 : 120
load folder."page.gp"

set logscale xy 10
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
set format x "%.0s%c"
set grid xtics ytics ls 14

wide = narrow ? 52.0 : 58.0
high = narrow ? 48.0 : 58.0
do for [p = 1:2] {
    left = narrow ? 16 : 16 + (p - 1) * 76
    top = narrow ? 26 + (p - 1) * 68 : 26
    set lmargin at screen x_at(left)
    set rmargin at screen x_at(left + wide)
    set tmargin at screen y_at(top)
    set bmargin at screen y_at(top + high)
    if (p == 1) {
        unset key
    } else {
        set key at screen x_at(narrow ? 3 : 8), y_at(top + high + 12.5) left top \
            vertical maxrows (narrow ? 6 : 3) Left reverse samplen 3 spacing 1.05 width -5 noenhanced font small_font
    }
    set label 14 xlabel at screen x_at(left + wide / 2), y_at(top + high + 9.2) center noenhanced
    if (narrow || p == 1) {
        set label 15 ylabel at screen x_at(3), y_at(top + high / 2) center rotate by 90 noenhanced
    }
    set format y (narrow || p == 1 ? "%g" : "")
    set label 11 panel_text[p] at graph 0, 1 offset character 0, 1.8 left noenhanced
    set label 12 rule_text at graph 1, 1 offset character 0, 0.6 right noenhanced tc rgb soft font font(small_px)
    set label 13 none[p] at graph 0.5, 0.5 center noenhanced
    set arrow 11 from rule, graph 0 to rule, graph 1 nohead ls 13
    plot for [s = 1:2] data using ((is("baseline_above") || is("baseline_below")) && column("series") == s ? xlow : NaN) \
            :"y":(xhigh - xlow):(0) with vectors nohead ls 10 + s notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && look[slot(p, s)] != peer ? column("x") : NaN):"low":"high" \
            with filledcurves fc ls look[slot(p, s)] fs transparent solid 0.25 noborder notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && strcol("text") eq "noisy" ? column("x") : NaN):"y" \
            with points ls 15 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && look[slot(p, s)] != peer ? column("x") : NaN):"y" \
            with linespoints ls look[slot(p, s)] notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && look[slot(p, s)] == peer ? column("x") : NaN):"low":(0): \
            (column("high") - column("low")) with vectors nohead ls look[slot(p, s)] dt 1 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && look[slot(p, s)] == peer ? column("x") : NaN):"y" \
            with points ls look[slot(p, s)] notitle, \
        for [s = 1:legends] keyentry with linespoints ls legend_look[s] title legend[s], \
        data using (is("baseline_above") ? xhigh : NaN):"y":"text" with labels left offset character 0.5, 1.05 \
            font font(small_px) noenhanced notitle, \
        data using (is("baseline_below") ? xhigh : NaN):"y":"text" with labels left offset character 0.5, -0.95 \
            font font(small_px) noenhanced notitle
    unset for [i = 1:15] label i
}
unset multiplot
