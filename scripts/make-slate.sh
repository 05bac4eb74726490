#!/usr/bin/env bash
# Makes internal/slate/v1: the engine's content of last resort, in every shape
# that a channel may need. Run it by hand (needs ffmpeg with libx264 and the
# DejaVu fonts); its output is committed. Playout logs refer to the files of a
# released version by URL, so a change of content belongs into a new folder
# (v2, ...) beside the old one.
#
# A segment is 1.92 s: 48 frames at 25 fps and exactly 90 AAC frames of 1,024
# samples at 48 kHz. So audio and video of every segment begin and end at the
# same instant, muxed or not, and a loop is seamless.
set -euo pipefail
export LC_ALL=C

version=v1
segments=8
fps=25
gop=48
aac_frames=90 # in a segment
audio_rate=64000
extinf=1.920000
first_tick=126000 # where ffmpeg's MPEG-TS muxer begins: 1.4 s

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/internal/slate/$version
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rm -rf "$out"
mkdir -p "$out"/{ts,ts-demuxed,fmp4,fmp4-muxed,audio-ts,audio-aac,audio-fmp4,text}

ff() { ffmpeg -y -nostdin -hide_banner -loglevel error -fflags +bitexact "$@"; }

font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

# The card: one elementary stream per resolution, every 48th frame an IDR frame.
card() { # width height profile-level crf
  local w=$1 h=$2 level=$3 size=$(($2 / 12)) rule=$(($1 / 10))
  printf "We'll be right back" >"$tmp/text"
  ff -f lavfi -i "color=c=0x15181d:s=${w}x${h}:r=$fps,format=yuv420p" \
    -vf "drawtext=fontfile=$font:textfile=$tmp/text:fontsize=$size:fontcolor=0xdfe3e8:x=(w-text_w)/2:y=h/2-text_h,\
drawbox=x=(iw-$rule)/2:y=ih*0.58:w=$rule:h=max(2\,ih/180):color=0x5b6b80:t=fill" \
    -frames:v $((gop * segments)) \
    -c:v libx264 -preset veryslow -tune stillimage -profile:v main -level:v "$level" -crf 26 -threads 1 \
    -x264-params "keyint=$gop:min-keyint=$gop:scenecut=0:open-gop=0:bframes=0:colorprim=bt709:transfer=bt709:colormatrix=bt709" \
    -flags:v +bitexact -f mp4 "$tmp/v$h.mp4"
}
card 640 360 3.0
card 1280 720 3.1

# Silence. The encoder's first frame is priming: it is dropped, so that the
# sound of the first second is heard (or not) at the first picture.
ff -f lavfi -i "anullsrc=r=48000:cl=stereo" -c:a aac -b:a $audio_rate -frames:a $((aac_frames * segments + 1)) \
  -flags:a +bitexact -f adts "$tmp/primed.aac"
ff -f aac -i "$tmp/primed.aac" -c copy -bsf:a "noise=amount=0:drop=eq(n\,0)" -f adts "$tmp/a.aac"
ff -f aac -i "$tmp/a.aac" -c copy -bsf:a aac_adtstoasc -f mp4 "$tmp/a.mp4"

hls() { # folder name extension, then inputs and maps
  local dir=$1 name=$2 ext=$3
  shift 3
  local type=mpegts
  [ "$ext" = ts ] || type=fmp4
  ff "$@" -c copy -f hls -hls_time 1.92 -hls_playlist_type vod -hls_segment_type $type \
    -hls_fmp4_init_filename "$name-init.mp4" -hls_segment_filename "$out/$dir/$name-%d.$ext" "$tmp/$dir-$name.m3u8"
  [ ! -e "$tmp/$name-init.mp4" ] || mv "$tmp/$name-init.mp4" "$out/$dir/"
}

media() { # folder name extension segment-pattern: the media playlist
  local dir=$1 name=$2 ext=$3 i version=3
  {
    [ "$ext" != m4s ] || version=7
    printf '#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n' $version
    [ "$ext" = vtt ] || printf '#EXT-X-INDEPENDENT-SEGMENTS\n'
    [ "$ext" != m4s ] || printf '#EXT-X-MAP:URI="%s-init.mp4"\n' "$name"
    for ((i = 0; i < segments; i++)); do
      if [ "$ext" = vtt ]; then printf '#EXTINF:%s,\n%s.vtt\n' $extinf "$name"; else printf '#EXTINF:%s,\n%s-%d.%s\n' $extinf "$name" $i "$ext"; fi
    done
    printf '#EXT-X-ENDLIST\n'
  } >"$out/$dir/$name.m3u8"
}

for h in 360 720; do
  hls ts $h ts -i "$tmp/v$h.mp4" -i "$tmp/a.mp4" -map 0:v -map 1:a
  hls ts-demuxed $h ts -i "$tmp/v$h.mp4"
  hls fmp4 $h m4s -i "$tmp/v$h.mp4"
  hls fmp4-muxed $h m4s -i "$tmp/v$h.mp4" -i "$tmp/a.mp4" -map 0:v -map 1:a
  media ts $h ts
  media ts-demuxed $h ts
  media fmp4 $h m4s
  media fmp4-muxed $h m4s
done
hls audio-ts audio ts -i "$tmp/a.mp4"
hls audio-fmp4 audio m4s -i "$tmp/a.mp4"
media audio-ts audio ts
media audio-fmp4 audio m4s

# Packed audio carries its start on the 90 kHz clock in an ID3 tag: 33 bits in
# eight bytes (draft-pantos-hls-rfc8216bis, 3.1.3).
for ((i = 0; i < segments; i++)); do
  printf -v ticks '%016x' $((first_tick + i * 90000 * 192 / 100))
  tag=
  for ((b = 0; b < 16; b += 2)); do tag+="\\x${ticks:b:2}"; done
  ff -f aac -i "$tmp/a.aac" -c copy \
    -bsf:a "noise=amount=0:drop=lt(n\,$((i * aac_frames)))+gte(n\,$(((i + 1) * aac_frames)))" \
    -metadata "id3v2_priv.com.apple.streaming.transportStreamTimestamp=$tag" \
    -write_id3v2 1 -f adts "$out/audio-aac/audio-$i.aac"
done
media audio-aac audio aac

printf 'WEBVTT\n\n' >"$out/text/empty.vtt"
media text empty vtt

# bits per second of the largest segment and of all of them, of one or more
# media playlists together.
rates() { # peak|average pattern...
  local mode=$1 sum=0 pattern
  shift
  for pattern in "$@"; do
    # shellcheck disable=SC2086 # the pattern is one
    sum=$((sum + $(stat -c %s $pattern | sort -n | awk -v mode="$mode" \
      '{ total += $1; peak = $1 } END { printf "%d", ((mode == "peak" ? peak : total / NR) * 8 / 1.92) + 1 }')))
  done
  echo $sum
}

# The profile, constraints and level as RFC 6381 spells them, from the avcC box.
avc() {
  xxd -p "$out/fmp4/$1-init.mp4" | tr -d '\n' | sed -E 's/.*6176634301(.{6}).*/avc1.\1/'
}

variants() { # folder extension [audio-pattern group]
  local dir=$1 ext=$2 audio=${3:-} group=${4:-} h w
  local -A width=([360]=640 [720]=1280)
  for h in 360 720; do
    w=${width[$h]}
    local patterns=("$out/$dir/$h-[0-9]*.$ext")
    [ -z "$audio" ] || patterns+=("$audio")
    printf '#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS="%s,mp4a.40.2",RESOLUTION=%dx%d,FRAME-RATE=25.000%s\n' \
      "$(rates peak "${patterns[@]}")" "$(rates average "${patterns[@]}")" "$(avc $h)" "$w" $h "${group:+,AUDIO=\"$group\"}"
    printf '%s\n' "${prefix:-}$h.m3u8"
  done
}

head6='#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n'
head7='#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n'
rendition() { # group uri
  printf '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="%s",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="%s"\n' "$1" "$2"
}
audio_only() { # folder extension
  printf '#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS="mp4a.40.2"\naudio.m3u8\n' \
    "$(rates peak "$out/$1/audio-[0-9]*.$2")" "$(rates average "$out/$1/audio-[0-9]*.$2")"
}
# shellcheck disable=SC2059 # the heads are formats
{
  { printf "$head6"; variants ts ts; } >"$out/ts/master.m3u8"
  { printf "$head6"; rendition audio ../audio-ts/audio.m3u8; variants ts-demuxed ts "$out/audio-ts/audio-*.ts" audio; } >"$out/ts-demuxed/master.m3u8"
  { printf "$head6"; rendition audio audio.m3u8; prefix=../ts-demuxed/ variants ts-demuxed ts "$out/audio-aac/audio-*.aac" audio; } >"$out/audio-aac/demuxed.m3u8"
  { printf "$head7"; rendition audio ../audio-fmp4/audio.m3u8; variants fmp4 m4s "$out/audio-fmp4/audio-*.m4s" audio; } >"$out/fmp4/master.m3u8"
  { printf "$head7"; variants fmp4-muxed m4s; } >"$out/fmp4-muxed/master.m3u8"
  { printf "$head6"; audio_only audio-ts ts; } >"$out/audio-ts/master.m3u8"
  { printf "$head6"; audio_only audio-aac aac; } >"$out/audio-aac/master.m3u8"
  { printf "$head7"; audio_only audio-fmp4 m4s; } >"$out/audio-fmp4/master.m3u8"
}

(cd "$out/.." && find $version -type f | sort | xargs sha256sum >$version.sha256)
