# SPDX-License-Identifier: MIT
#
# What the figures share: size, fonts, one colour + point shape + dash a backend (Wong's palette), and the reading of
# the sheet. A figure script loads this file from its own folder; `data` and `out` are set by then, `fmt` (svg or png)
# and `width` (85 or 170 mm) may be. Sheets are written by bench/report/figure_*.c: see figure.h for their columns.
# Nothing here is computed from the data: the sheet holds every number and every text.

if (!exists("data") || !exists("out")) {
    printerr "set data and out first: gnuplot -e \"data='x.csv'; out='y.svg'; fmt='svg'\" plots/fig_chunk.gp"
    exit status 1
}
if (!exists("fmt")) fmt = "svg"
if (!exists("width")) width = 170
if ((fmt ne "svg" && fmt ne "png") || (width != 85 && width != 170)) {
    printerr "fmt is svg or png, width is 85 or 170"
    exit status 1
}
narrow = (width == 85)

set encoding utf8
set datafile separator ","
set datafile columnheaders

# --- the sheet -------------------------------------------------------------------------------------------------------
is(kind) = (strcol("kind") eq kind)
here(panel) = (column("panel") == panel)
pick(kind, panel, series) = (is(kind) && here(panel) && column("series") == series)

title = ""; subtitle = ""; subtitle2 = ""; caption1 = ""; caption2 = ""; caption3 = ""; stamp = ""; xlabel = ""; ylabel = ""
rule = 0; rule_text = ""; shade = 0; shade_text = ""; ideal_text = ""; points = 0; legends = 0; xlow = 1; xhigh = 2; ylow = 1; yhigh = 2
array panel_text[3] = ["", "", ""]
array none[3] = ["", "", ""]
array count[3] = [0, 0, 0]
array look[18]
array legend[6]
array legend_look[6]
slot(panel, series) = 6 * (panel - 1) + series

set print "/dev/null"
stats data using ( \
    is("point") || is("bar") || is("open") ? (points = points + 1) : \
    is("title") ? (title = strcol("text"), 1) : \
    is("subtitle") ? (subtitle = strcol("text"), 1) : \
    is("subtitle2") ? (subtitle2 = strcol("text"), 1) : \
    is("caption1") ? (caption1 = strcol("text"), 1) : \
    is("caption2") ? (caption2 = strcol("text"), 1) : \
    is("caption3") ? (caption3 = strcol("text"), 1) : \
    is("stamp") ? (stamp = strcol("text"), 1) : \
    is("xlabel") ? (xlabel = strcol("text"), 1) : \
    is("ylabel") ? (ylabel = strcol("text"), 1) : \
    is("rule") ? (rule = column("x"), rule_text = strcol("text"), 1) : \
    is("shade") ? (shade = column("low"), 1) : \
    is("shadelabel") ? (shade_text = strcol("text"), 1) : \
    is("ideal") ? (ideal_text = strcol("text"), 1) : \
    is("xrange") ? (xlow = column("low"), xhigh = column("high"), 1) : \
    is("yrange") ? (ylow = column("low"), yhigh = column("high"), 1) : \
    is("panel") ? (panel_text[int(column("panel"))] = strcol("text"), 1) : \
    is("none") ? (none[int(column("panel"))] = strcol("text"), 1) : \
    is("series") ? (count[int(column("panel"))] = int(column("series")), \
        look[slot(int(column("panel")), int(column("series")))] = int(column("style")), 1) : \
    is("legend") ? (legends = int(column("series")), legend[legends] = strcol("text"), \
        legend_look[legends] = int(column("style")), 1) : 1) nooutput
unset print
if (points == 0) {
    printerr "nothing to draw in ".data
    exit status 1
}

# --- looks: 1 fork, 2 pthread, 3 openmp, 4 openmp as shipped, 5 CPython ------------------------------------------------
set style line 1 lc rgb "#0072B2" pt 7 ps 0.55 lw 1.6 dt 1
set style line 2 lc rgb "#D55E00" pt 5 ps 0.50 lw 1.6 dt (10, 4)
set style line 3 lc rgb "#009E73" pt 9 ps 0.65 lw 1.6 dt (9, 3, 2, 3)
set style line 4 lc rgb "#CC79A7" pt 10 ps 0.70 lw 1.6 dt (2, 3)
set style line 5 lc rgb "#E69F00" pt 13 ps 0.75 lw 1.2 dt (4, 4)
set style line 11 lc rgb "#000000" lw 1.1 dt 1         # serial loop
set style line 12 lc rgb "#000000" lw 1.1 dt (6, 3)    # serial callback
set style line 13 lc rgb "#666666" lw 1.0 dt (2, 2)    # rules
set style line 14 lc rgb "#dddddd" lw 0.6 dt 1         # grid
set style line 15 lc rgb "#c4c4c4" pt 15 ps (fmt eq "png" ? 1.9 : 1.3)      # halo of a noisy cell
set style line 16 lc rgb "#555555" lw 2.4 dt 1         # ideal
# 21 to 28: fig_metg, where a backend has lines of several calls: its colour, other shapes
set style line 21 lc rgb "#0072B2" pt 7 ps 0.55 lw 1.6 dt 1
set style line 22 lc rgb "#D55E00" pt 5 ps 0.50 lw 1.6 dt (10, 4)
set style line 23 lc rgb "#009E73" pt 9 ps 0.65 lw 1.6 dt (9, 3, 2, 3)
set style line 24 lc rgb "#56B4E9" pt 11 ps 0.65 lw 1.4 dt (6, 2)
set style line 25 lc rgb "#0072B2" pt 13 ps 0.75 lw 1.2 dt (4, 4)
set style line 26 lc rgb "#000000" pt 5 ps 0.50 lw 1.2 dt (2, 3)
set style line 27 lc rgb "#0072B2" pt 9 ps 0.65 lw 1.2 dt (9, 3, 2, 3)
set style line 28 lc rgb "#0072B2" pt 11 ps 0.65 lw 1.2 dt (2, 3)
peer = 5 # drawn as points: too few chunks are measured for a line
ink = "#222222"; soft = "#555555"; ground = "#ebebeb"; paper = "#ffffff"

# --- size: mm on paper; 1 px of an SVG is 1/96 inch --------------------------------------------------------------------
px(mm) = mm * 96.0 / 25.4
png_scale = 300.0 / 96.0
text_px = narrow ? 9.6 : 10.7      # 7.2 and 8 pt
small_px = narrow ? 9.6 : 9.9
title_px = narrow ? 11.5 : 13.5
font(size) = sprintf("sans-serif,%.2f", size)
small_font = font(small_px)

# left-aligned, in mm from the left and from the top of the figure
x_at(mm) = mm / (1.0 * width)
y_at(mm) = 1 - mm / (1.0 * height)
