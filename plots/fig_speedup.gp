# SPDX-License-Identifier: MIT
#
# Figure (c): speedup over `serial callback` against workers, in three panels with the same axes; the ideal line is
# flat beyond the CPUs, where the ground is shaded.
#   gnuplot -e "data='fig_speedup.csv'; out='fig_speedup.svg'; fmt='svg'" plots/fig_speedup.gp

folder = ARG0[1:strlen(ARG0) - strlen("fig_speedup.gp")]
load folder."style.gp"
height = narrow ? 222 : 112
load folder."page.gp"

set logscale xy 2
set xrange [xlow:xhigh]
set yrange [ylow:yhigh]
set format x "%g"
set ytics ("1/1024" 2.0**-10, "1/512" 2.0**-9, "1/256" 2.0**-8, "1/128" 2.0**-7, "1/64" 2.0**-6, "1/32" 2.0**-5, "1/16" 2.0**-4, \
    "1/8" 2.0**-3, "1/4" 2.0**-2, "1/2" 2.0**-1, "1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128, "256" 256)
set grid ytics ls 14
if (shade > 0) {
    set object 1 rectangle from shade, graph 0 to xhigh, graph 1 fc rgb ground fs solid noborder behind
}

wide = narrow ? 64.0 : 46.0
high = narrow ? 42.0 : 50.0
do for [p = 1:3] {
    left = narrow ? 16 : 16 + (p - 1) * 51
    top = narrow ? 22 + (p - 1) * 54 : 22
    set lmargin at screen x_at(left)
    set rmargin at screen x_at(left + wide)
    set tmargin at screen y_at(top)
    set bmargin at screen y_at(top + high)
    if (p < 3) {
        unset key
    } else {
        set key at screen x_at(narrow ? 3 : 8), y_at(top + high + 12.5) left top \
            vertical maxrows (narrow ? 6 : 3) Left reverse samplen 3 spacing 1.05 width -5 noenhanced font small_font
    }
    if (!narrow || p == 3) {
        set label 14 xlabel at screen x_at(left + wide / 2), y_at(top + high + 9.2) center noenhanced
    }
    if (narrow || p == 1) {
        set label 15 ylabel at screen x_at(3), y_at(top + high / 2) center rotate by 90 noenhanced
    }
    if (!narrow && p == 2) {
        set ytics ("" 1)
        set for [k = -10:8] ytics add ("" 2.0**k)
    }
    set label 11 panel_text[p] at graph 0, 1 offset character 0, 0.7 left noenhanced
    set label 13 none[p] at graph 0.5, 0.5 center noenhanced
    plot data using (is("ideal") ? column("x") : NaN):"y" with lines ls 16 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) && strcol("text") eq "noisy" ? column("x") : NaN):"y" \
            with points ls 15 notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) ? column("x") : NaN):"low":"high" \
            with filledcurves fc ls look[slot(p, s)] fs transparent solid 0.25 noborder notitle, \
        for [s = 1:count[p]] data using (pick("point", p, s) ? column("x") : NaN):"y" \
            with linespoints ls look[slot(p, s)] notitle, \
        for [s = 1:legends] keyentry with linespoints ls legend_look[s] title legend[s], \
        keyentry with lines ls 16 title ideal_text, \
        keyentry with boxes fc rgb ground fs solid noborder title shade_text
    unset for [i = 1:15] label i
}
unset multiplot
