#!/usr/bin/env bash
# Makes testdata/vod: the sample VODs of the demo and of the tests. Run it by
# hand (needs ffmpeg with libx264 and the DejaVu fonts); its output is
# committed. See testdata/vod/README.md for what is uneven about them, and why.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/testdata/vod
fonts=/usr/share/fonts/truetype/dejavu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ff() { ffmpeg -y -nostdin -hide_banner -loglevel error -fflags +bitexact "$@"; }

# bits per second of a media playlist's segments: the largest and all.
rates() { # playlist
  local dir
  dir=$(dirname "$1")
  while IFS=, read -r tag _ && read -r file; do
    echo "${tag#\#EXTINF:} $(stat -c %s "$dir/$file")"
  done < <(grep -A1 '^#EXTINF' "$1" | grep -v '^--') |
    awk '{ r = $2 * 8 / $1; if (r > peak) peak = r; bytes += $2; time += $1 }
         END { printf "%d %d", peak + 1, bytes * 8 / time + 1 }'
}

sample() { # name title colour accent tone rate frames-in-a-segment frames b-frames timecode
  local name=$1 title=$2 colour=$3 accent=$4 tone=$5 rate=$6 gop=$7 frames=$8 bframes=$9 timecode=${10}
  local dir=$out/$name seconds audio_frames h w peak average
  seconds=$(awk "BEGIN { printf \"%.6f\", $frames / ($rate) }")
  audio_frames=$(awk "BEGIN { printf \"%d\", $seconds * 48000 / 1024 + 0.5 }")
  rm -rf "$dir"
  mkdir -p "$dir"

  # A bell each second. The encoder's first frame is priming and is dropped, so
  # that sound and picture begin together.
  ff -f lavfi -i "aevalsrc=0.2*sin(2*PI*$tone*t)*exp(-3*mod(t\,1))|0.2*sin(2*PI*$tone*t)*exp(-3*mod(t\,1)):s=48000:c=stereo" \
    -c:a aac -b:a 32k -frames:a $((audio_frames + 1)) -flags:a +bitexact -f adts "$tmp/primed.aac"
  ff -f aac -i "$tmp/primed.aac" -c copy -bsf:a "noise=amount=0:drop=eq(n\,0)" -f adts "$tmp/a.aac"
  ff -f aac -i "$tmp/a.aac" -c copy -bsf:a aac_adtstoasc -f mp4 "$tmp/a.mp4"

  printf '%s' "$title" >"$tmp/title"
  for h in 360 180; do
    w=$((h * 16 / 9))
    printf '%s · %dx%d · %s fps' "$name" $w $h "$(awk "BEGIN { printf \"%.4g\", $rate }")" >"$tmp/note"
    ff -f lavfi -i "color=c=$colour:s=${w}x$h:r=$rate" -f lavfi -i "color=c=$accent:s=${w}x$((h / 36)):r=$rate" -filter_complex "\
[0][1]overlay=x=-w+w*t/$seconds:y=H-h,\
drawtext=fontfile=$fonts/DejaVuSans-Bold.ttf:textfile=$tmp/title:fontsize=h/5:fontcolor=white:x=(w-text_w)/2:y=h*0.22,\
drawtext=fontfile=$fonts/DejaVuSansMono.ttf:timecode='$timecode':rate=$rate:fontsize=h/8:fontcolor=white:x=(w-text_w)/2:y=h*0.52,\
drawtext=fontfile=$fonts/DejaVuSans.ttf:textfile=$tmp/note:fontsize=h/18:fontcolor=$accent:x=(w-text_w)/2:y=h*0.74,format=yuv420p" \
      -frames:v "$frames" -c:v libx264 -preset veryslow -tune animation -profile:v main -level:v 3.0 -crf 34 -threads 1 \
      -x264-params "keyint=$gop:min-keyint=$gop:scenecut=0:open-gop=0:bframes=$bframes" \
      -flags:v +bitexact -f mp4 "$tmp/v.mp4"
    ff -i "$tmp/v.mp4" -i "$tmp/a.mp4" -map 0:v -map 1:a -c copy -f hls -hls_time "$(awk "BEGIN { print $gop / ($rate) - 0.05 }")" \
      -hls_playlist_type vod -hls_segment_filename "$dir/$h-%d.ts" "$dir/$h.m3u8"
  done

  {
    printf '#EXTM3U\n#EXT-X-VERSION:3\n'
    for h in 360 180; do
      read -r peak average < <(rates "$dir/$h.m3u8"; echo)
      printf '#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=%dx%d,FRAME-RATE=%.3f\n%s.m3u8\n' \
        "$peak" "$average" $((h * 16 / 9)) $h "$(awk "BEGIN { print $rate }")" $h
    done
  } >"$dir/master.m3u8"
}

sample harbour Harbour 0x123a5c 0x7fc4ff 220 25 100 748 0 '00\:00\:00\:00'
sample meadow Meadow 0x1d4a2a 0x9be08a 330 30000/1001 180 1238 0 '00\:00\:00\;00'
sample ember Ember 0x5c2417 0xffb27a 440 25 96 1325 2 '00\:00\:00\:00'
