# SPDX-License-Identifier: MIT
#
# Opens the page once the figure's script has set `height` (mm): terminal, title, stamp, caption lines at the bottom.
# The labels 1 to 9 belong to the page: a figure of several panels drops them after its first.

if (fmt eq "svg") {
    set terminal svg size px(width), px(height) fixed font font(text_px) background "#ffffff" \
        linewidth 1 dashlength 1 noenhanced
} else {
    set terminal pngcairo size px(width) * png_scale, px(height) * png_scale font font(text_px) background "#ffffff" \
        fontscale 0.75 * png_scale linewidth png_scale pointscale png_scale noenhanced
}
set output out
set border 3 lc rgb soft lw 0.8
set tics nomirror out scale 0.6, 0.3 tc rgb ink

line_mm = narrow ? 3.9 : 4.2
set label 1 title at screen x_at(2), y_at(4.5) left font font(title_px) noenhanced
set label 2 subtitle at screen x_at(2), y_at(4.5 + 1.25 * line_mm) left tc rgb soft font font(small_px) noenhanced
set label 7 subtitle2 at screen x_at(2), y_at(4.5 + 2.25 * line_mm) left tc rgb soft font font(small_px) noenhanced
if (stamp ne "") {
    set label 3 stamp at screen x_at(width - 3), y_at(4.8) right font font(1.5 * title_px) tc rgb "#D55E00" noenhanced
}
if (narrow) {
    set label 4 caption1 at screen x_at(2), y_at(height - 2 - 2 * line_mm) left tc rgb soft font font(small_px) noenhanced
    set label 5 caption2 at screen x_at(2), y_at(height - 2 - line_mm) left tc rgb soft font font(small_px) noenhanced
    set label 6 caption3 at screen x_at(2), y_at(height - 2) left tc rgb soft font font(small_px) noenhanced
} else {
    set label 4 caption1 at screen x_at(2), y_at(height - 2 - line_mm) left tc rgb soft font font(small_px) noenhanced
    set label 5 caption2.";  ".caption3 at screen x_at(2), y_at(height - 2) left tc rgb soft font font(small_px) noenhanced
}
set multiplot
