# SPDX-License-Identifier: MIT
#
# Figure (c): speedup over `serial callback` against workers, in three panels with the same axes; the ideal line is
# flat beyond the CPUs, where the ground is shaded.
#   gnuplot -e "data='fig_speedup.csv'; out='fig_speedup.svg'; fmt='svg'" plots/fig_speedup.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_speedup.gp")]
load folder."style.gp"
height = narrow ? 195 : 109
load folder."page.gp"

set logscale xy 2
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
set grid ytics ls 14
set xlabel xlabel noenhanced offset 0, (narrow ? 0.7 : 0.4)
if (shade > 0) {
    set object 1 rectangle from shade, graph 0 to xhigh, graph 1 fc rgb "#ececec" fs solid noborder behind
}

wide = narrow ? 64 : 46
high = narrow ? 36 : 50
do for [p = 1:3] {
    left = narrow ? 16 : 16 + (p - 1) * 51
    top = narrow ? 22 + (p - 1) * 48 : 22
    set lmargin at screen x_at(left)
    set rmargin at screen x_at(left + wide)
    set tmargin at screen y_at(top)
    set bmargin at screen y_at(top + high)
    if (p < 3) {
        unset key
    } else {
        set key at screen x_at(narrow ? 3 : 12), y_at(top + high + (narrow ? 11 : 11)) left top \
            vertical maxrows (narrow ? 6 : 3) Left reverse samplen 3 spacing 1.05 width -2 noenhanced
    }
    set ylabel (narrow || p == 1 ? ylabel : "") noenhanced offset (narrow ? 1.2 : 0.5), 0
    set format y (narrow || p == 1 ? "%g" : "")
    set label 11 panel_text[p] at graph 0, 1 offset character 0, 0.7 left noenhanced
    set label 13 none[p] at graph 0.5, 0.5 center noenhanced
    if (shade > 0) {
        set label 14 shade_text at xhigh, graph 0 right offset character -0.3, 0.7 noenhanced tc rgb soft font font(small_px)
    }
    plot data using (is("ideal") ? column("x") : NaN):"y" with lines ls 16 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && strcol("text") eq "noisy" ? column("x") : NaN):"y" \
            with points ls 15 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) ? column("x") : NaN):"low":"high" \
            with filledcurves fc ls look[slot(p, s)] fs transparent solid 0.25 noborder notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) ? column("x") : NaN):"y" \
            with linespoints ls look[slot(p, s)] notitle, \
        for [s = 1:legends] keyentry with linespoints ls legend_look[s] title legend[s], \
        keyentry with lines ls 16 title "ideal: min(workers, CPUs)"
    unset for [i = 1:9] label i
}
unset multiplot
