#!/usr/bin/env bash
# Makes the captures in this directory, and what is known of each, with real programs.
#
#     testdata/make.sh [--install] [NAME...]
#
# NAME is one or more of the functions cap_NAME below (all of them without any). Everything runs in a network
# namespace of its own (root, or a user who may make user namespaces): nothing leaves
# the machine, and the ports are free. Nothing is installed unless --install is given.
# Each run gives other bytes (random handshakes, times): commit the captures and the
# truth of one run together.
set -Eeuo pipefail
trap 'printf "%s: line %d failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

if [[ -z ${IN_NAMESPACE-} ]]; then
    install=()
    if [[ ${1-} == --install ]]; then
        install=(--install)
        shift
    fi
    programs=$(../tests/programs "${install[@]}")
    eval "$programs"
    user=()
    ((EUID == 0)) || user=(--map-root-user --user)
    IN_NAMESPACE=1 exec unshare "${user[@]}" --net "$here/make.sh" "$@"
fi

ip link set lo mtu 1500 gso_max_segs 1 up # packets as on an Ethernet
tmp=$(mktemp -d "${TMPDIR:-/tmp}/make-captures.XXXXXX")
mkdir -p carried network "$tmp/carried" "$tmp/network"
pids=()
cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$tmp"
}
trap cleanup EXIT

until_() { # SECONDS COMMAND...: tries until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || { printf 'gave up waiting: %s\n' "$*" >&2; return 1; }
        sleep 0.1
    done
}
answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

watch() { # SECONDS URL: plays a live stream that long
    timeout -s INT "$1" rtmpdump -q --live -r "$2" -o "$tmp/played.flv" || true # 2: interrupted, as is meant
}

key=live_s3cr3tk3y_8f3a1c5e7b9d # not a key of anyone's
quiet=(timeout 60 ffmpeg -hide_banner -loglevel error -nostdin -y)
publish=("${quiet[@]}" -re)
new=(timeout 60 "$NEW_FFMPEG" "${quiet[@]:3}")

# ---------------------------------------------------------------- what is published
sources() {
    local picture=testsrc2=size=320x180:rate=25 tone=sine=frequency=440:sample_rate=44100
    local aac=(-c:a aac -b:a 48k -ac 1)
    "${quiet[@]}" -f lavfi -i "$picture" -f lavfi -i "$tone" -t 4 -c:v libx264 -preset veryfast -threads 1 \
        -profile:v high -pix_fmt yuv420p -bf 2 -g 50 -b:v 160k -maxrate 200k -bufsize 200k "${aac[@]}" "$tmp/avc.flv"
    # one picture of noise, coded without loss, then still
    "${quiet[@]}" -f lavfi -i nullsrc=size=960x720:rate=10,format=yuv420p,geq=lum='random(1)*255':cb=128:cr=128 -t 0.1 \
        -c:v rawvideo -f rawvideo "$tmp/noise.yuv"
    "${quiet[@]}" -f rawvideo -pixel_format yuv420p -video_size 960x720 -framerate 10 -stream_loop 4 -i "$tmp/noise.yuv" \
        -f lavfi -i "$tone" -shortest -c:v libx264 -preset ultrafast -threads 1 -qp 0 -g 50 "${aac[@]}" "$tmp/noise.flv"
    # the same, smaller, lossy
    "${quiet[@]}" -f rawvideo -pixel_format yuv420p -video_size 960x720 -framerate 10 -stream_loop 39 -i "$tmp/noise.yuv" \
        -f lavfi -i "$tone" -shortest -vf scale=384:288 -c:v libx264 -preset ultrafast -threads 1 -qp 18 -g 10 "${aac[@]}" "$tmp/noise-small.flv"
    "${new[@]}" -f lavfi -i "$picture" -f lavfi -i "$tone" -t 4 -c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=2:keyint=50:pools=1 \
        -b:v 160k -c:a libopus -b:a 48k -ac 2 -ar 48000 -f matroska "$tmp/hevc-opus.mkv"
    # for what is captured many times
    "${quiet[@]}" -f lavfi -i testsrc2=size=160x90:rate=15 -f lavfi -i sine=frequency=440:sample_rate=22050 -t 2 -c:v libx264 -preset veryfast \
        -threads 1 -profile:v high -pix_fmt yuv420p -bf 2 -g 15 -b:v 60k -maxrate 80k -bufsize 80k -c:a aac -b:a 16k -ac 1 "$tmp/small.flv"
}

clip() { # NAME: makes a clip of the list
    local name program options option words=() arguments=()
    while read -r name program options; do
        [[ $name == "$1" ]] || continue
        eval "words=($options)"
        for option in "${words[@]}"; do
            case $option in
            picture) arguments+=(-f lavfi -i testsrc2=size=64x48:rate=25) ;;
            tone) arguments+=(-f lavfi -i sine=frequency=440:sample_rate=48000) ;;
            *) arguments+=("$option") ;;
            esac
        done
        [[ $program == new ]] && program=("${new[@]}") || program=("${quiet[@]}")
        SVT_LOG=1 "${program[@]}" "${arguments[@]}" -t 1 -f flv "$tmp/$name.clip.flv"
        return
    done <clips
    return 1
}

# ---------------------------------------------------------------- the server
# 1935 and 1936 are captured; publishers that are not to be in a capture use 1945.
server() {
    mkdir -p "$tmp/www" "$tmp/vod"
    cp "$tmp/avc.flv" "$tmp/small.flv" "$tmp/vod/"
    cat >"$tmp/nginx.conf" <<-CONF
	load_module $NGINX_RTMP_MODULE;
	daemon off;
	master_process off;
	worker_processes 1;
	pid $tmp/nginx.pid;
	error_log $tmp/nginx.log info;
	events { worker_connections 64; }
	http {
	    access_log off;
	    client_body_temp_path $tmp/www; proxy_temp_path $tmp/www; fastcgi_temp_path $tmp/www;
	    uwsgi_temp_path $tmp/www; scgi_temp_path $tmp/www;
	    server { listen 127.0.0.1:8080; location / { return 403; } }
	}
	rtmp {
	    access_log off;
	    max_message 8M;
	    ping 0;
	    server {
	        listen 127.0.0.1:1935; listen [::1]:1935; listen 127.0.0.1:1936; listen 127.0.0.1:1945; ${also_listen:+listen $also_listen;}
	        chunk_size $1;
	        application live { live on; }
	        application vod { play $tmp/vod; }
	        application closed { live on; on_publish http://127.0.0.1:8080/; }
	    }
	}
	CONF
    nginx -p "$tmp" -e "$tmp/nginx.log" -c "$tmp/nginx.conf" >"$tmp/nginx.out" 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    until_ 10 answers 127.0.0.1 1945
}
server_stop() {
    kill "$server_pid"
    wait "$server_pid" || true
}

# ---------------------------------------------------------------- what stands in front of it
# Each passes on to port 1935, where the RTMP is recorded as it is.
stunnel_server() { # PORT [OPTION...]: ends TLS; the certificate is localhost's
    local port=$1
    shift
    printf '%s\n' 'foreground = yes' 'pid =' 'debug = warning' "output = $tmp/stunnel.log" '[rtmps]' "accept = 127.0.0.1:$port" \
        "connect = 127.0.0.1:${behind:-1935}" "cert = $tmp/tls.crt" "key = $tmp/tls.key" "$@" >"$tmp/stunnel.conf"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$tmp/tls.key" -out "$tmp/tls.crt" 2>/dev/null
    stunnel "$tmp/stunnel.conf" 2>"$tmp/stunnel.out" &
    front "$!" "$port"
}
tls_client() { # [--update BYTES]: what comes to port 1950 goes to port 443 in TLS
    python3 tls_client.py 1950 443 "$tmp/keys" localhost "$@" &
    front "$!" 1950
}
rtmpt_gateway() { # PORT
    python3 rtmpt_gateway.py "$1" 1935 &
    front "$!" "$1"
}
http_proxy() { # PORT [OPTION...]: passes on to an RTMPT gateway on port 8081
    local port=$1
    shift
    printf '%s\n' 'daemon off; master_process off; worker_processes 1;' "pid $tmp/proxy.pid; error_log $tmp/proxy.log info;" \
        'events { worker_connections 64; } http { access_log off;' \
        "client_body_temp_path $tmp/www; proxy_temp_path $tmp/www; fastcgi_temp_path $tmp/www; uwsgi_temp_path $tmp/www; scgi_temp_path $tmp/www;" \
        "$@" "server { listen 127.0.0.1:$port; location / { proxy_pass http://gateway; } } }" \
        >"$tmp/proxy.conf"
    nginx -p "$tmp" -e "$tmp/proxy.log" -c "$tmp/proxy.conf" &
    front "$!" "$port"
}
listens() { ss -Htln "sport = :$1" | grep -q .; }
fronts=()
front() { # PID PORT
    pids+=("$1") fronts+=("$1")
    until_ 10 listens "$2"
}
fronts_stop() {
    local pid
    for pid in "${fronts[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    fronts=()
}

# ---------------------------------------------------------------- the capture
begin() { # FILE INTERFACE FILTER [OPTION...]
    capture=$tmp/$1 interface=$2 filter=$3
    shift 3
    mkdir -p "${capture%/*}"
    : >"$capture.log"
    tcpdump -Z root -U --immediate-mode -n -s 16384 -B 65536 -i "$interface" -w "$capture" "$@" "$filter" 2>"$capture.log" &
    tcpdump_pid=$!
    pids+=("$tcpdump_pid")
    until_ 10 grep -q 'listening on' "$capture.log"
}
end() { # NUMBER-OF-CONNECTIONS
    until_ 30 python3 truth.py --closed "$1" "$capture"
    sleep 0.3
    kill -INT "$tcpdump_pid"
    wait "$tcpdump_pid" || true
    grep -q '^0 packets dropped by kernel' "$capture.log" || { cat "$capture.log" >&2; return 1; }
}
begin_carried() { # NAME FILTER: TLS or RTMPT, and at the same time the RTMP behind it
    begin plain.pcap lo 'tcp port 1935'
    plain_pid=$tcpdump_pid
    rm -f "$tmp/keys"
    begin "carried/$1.pcap" lo "$2"
}
end_carried() { # NAME RTMP-CONNECTIONS TCP-CONNECTIONS [truth options]: keeps it too
    local name=$1 rtmp=$2 tcp=$3
    shift 3
    ((tcp > 0)) || fronts_stop # they keep connections open
    end "$tcp"
    capture=$tmp/plain.pcap tcpdump_pid=$plain_pid
    end "$rtmp"
    fronts_stop
    server_stop
    [[ ! -e $tmp/keys ]] || cp "$tmp/keys" "carried/$name.keys"
    keep "carried/$name.pcap" --plain "$tmp/plain.pcap" "$@"
}
shows() { # FILE FILTER: tshark finds such a packet
    tshark -r "$1" -o tls.keylog_file:"${1%.*}.keys" -d tcp.port==1937,tls -Y "$2" 2>/dev/null | grep -q . ||
        { printf '%s: no packet that is %s\n' "$1" "$2" >&2; return 1; }
}
keep() { # FILE [truth options]: moves it here
    local file=$1
    shift
    [[ ! -e $tmp/$file ]] || mv "$tmp/$file" "$file"
    python3 truth.py "$@" "$file"
    printf '%-26s %8d bytes\n' "$file" "$(stat -c %s "$file")"
}
holds() { # FILE EXPRESSION: what the capture was made for is in it (t is its truth)
    python3 - "${1%.*}.truth.json" "$2" <<-'CHECK'
	import json, sys
	t = json.load(open(sys.argv[1]))
	sys.exit(0 if eval(sys.argv[2]) else "%s: not so: %s" % tuple(sys.argv[1:]))
	CHECK
}

# ---------------------------------------------------------------- one function for each capture
cap_quickstart() {
    server 4096
    begin quickstart.pcap lo 'tcp port 1935'
    "${publish[@]}" -i "$tmp/avc.flv" -c copy -f flv "rtmp://127.0.0.1/live/$key"
    end 1
    server_stop
    keep quickstart.pcap
}

cap_play() {
    server 128
    "${publish[@]}" -i "$tmp/avc.flv" -c copy -f flv rtmp://127.0.0.1:1945/live/cam &
    local publisher=$!
    sleep 0.5
    begin play.pcap lo 'tcp port 1935'
    "${quiet[@]}" -i rtmp://127.0.0.1/live/cam -t 2 -c copy -f null -
    end 1
    wait "$publisher"
    server_stop
    keep play.pcap
    holds play.pcap 't["connections"][0]["s2c"]["chunk_sizes"][0][1] == 128'
}

cap_port_1936() {
    server 4096
    begin port-1936.pcap lo 'tcp port 1936'
    "${publish[@]}" -i "$tmp/avc.flv" -t 2 -c copy -f flv rtmp://127.0.0.1:1936/live/cam
    end 1
    server_stop
    keep port-1936.pcap
}

cap_large_chunk() {
    server 10000000
    "${publish[@]}" -i "$tmp/noise-small.flv" -c copy -f flv rtmp://127.0.0.1:1945/live/cam &
    local publisher=$!
    begin large-chunk.pcap lo 'tcp port 1935'
    watch 2 rtmp://127.0.0.1/live/cam
    end 1
    wait "$publisher"
    server_stop
    keep large-chunk.pcap
    holds large-chunk.pcap 't["connections"][0]["s2c"]["chunk_sizes"][0][1] == 10000000 and t["connections"][0]["s2c"]["largest_message"] > 65536'
}

cap_large_message() {
    server 4096
    begin large-message.pcap lo 'tcp port 1935'
    "${publish[@]}" -i "$tmp/noise.flv" -c copy -f flv rtmp://127.0.0.1/live/noise
    end 1
    server_stop
    keep large-message.pcap
    holds large-message.pcap 't["connections"][0]["c2s"]["largest_message"] > 600000'
}

gstreamer() { # FILE SINK LOCATION
    timeout 60 gst-launch-1.0 -q filesrc location="$1" ! flvdemux name=demux flvmux name=mux streamable=true \
        ! "$2" location="$3" demux.video ! queue ! h264parse ! mux.video demux.audio ! queue ! aacparse ! mux.audio
}

cap_gst_rtmp2sink() {
    server 4096
    begin gst-rtmp2sink.pcap lo 'tcp port 1935'
    gstreamer "$tmp/avc.flv" rtmp2sink rtmp://127.0.0.1:1935/live/gst
    end 1
    server_stop
    keep gst-rtmp2sink.pcap
}

cap_gst_rtmpsink() {
    server 4096
    begin gst-rtmpsink.pcap lo 'tcp port 1935'
    gstreamer "$tmp/avc.flv" rtmpsink 'rtmp://127.0.0.1:1935/live/gst live=1'
    end 1
    server_stop
    keep gst-rtmpsink.pcap
}

cap_rtmpdump_play() {
    server 4096
    begin rtmpdump-play.pcap lo 'tcp port 1935'
    timeout 60 rtmpdump -q -r rtmp://127.0.0.1/vod -y avc.flv -o "$tmp/played.flv" || true # 2: 99.8 % played
    end 1
    server_stop
    keep rtmpdump-play.pcap
}

cap_enhanced_hevc() {
    server 4096
    begin enhanced-hevc.pcap lo 'tcp port 1935'
    "${new[@]}" -re -i "$tmp/hevc-opus.mkv" -c copy -f flv rtmp://127.0.0.1/live/hevc
    end 1
    server_stop
    keep enhanced-hevc.pcap
}

cap_ext_timestamp() {
    server 128
    begin ext-timestamp.pcap lo 'tcp port 1935'
    "${publish[@]}" -i "$tmp/avc.flv" -c copy -output_ts_offset 16780 -t 2.5 -f flv rtmp://127.0.0.1/live/late &
    local publisher=$!
    sleep 1
    watch 1 rtmp://127.0.0.1/live/late
    wait "$publisher"
    end 2
    server_stop
    keep ext-timestamp.pcap
    holds ext-timestamp.pcap 't["connections"][0]["c2s"]["extended_timestamps_on_format_3"] > 0 and t["connections"][1]["s2c"]["extended_timestamps"] > 0'
}

cap_timestamp_wrap() {
    server 4096
    python3 edit.py late "$tmp/small.flv" "$tmp/late.flv"
    begin timestamp-wrap.pcap lo 'tcp port 1935'
    # librtmp sends an FLV file's timestamps as they are
    timeout 60 gst-launch-1.0 -q filesrc location="$tmp/late.flv" ! rtmpsink location='rtmp://127.0.0.1:1935/live/late live=1'
    end 1
    server_stop
    keep timestamp-wrap.pcap
    holds timestamp-wrap.pcap 't["connections"][0]["c2s"]["extended_timestamps_on_format_3"] > 0'
}

cap_refused() {
    server 4096
    "${publish[@]}" -i "$tmp/avc.flv" -c copy -f flv rtmp://127.0.0.1:1945/live/taken &
    local publisher=$!
    sleep 0.5
    begin refused.pcap lo 'tcp port 1935'
    ! "${publish[@]}" -i "$tmp/avc.flv" -t 1 -c copy -f flv rtmp://127.0.0.1/nosuchapp/cam 2>/dev/null
    ! "${publish[@]}" -i "$tmp/avc.flv" -t 1 -c copy -f flv "rtmp://127.0.0.1/closed/$key" 2>/dev/null
    ! "${publish[@]}" -i "$tmp/avc.flv" -t 1 -c copy -f flv rtmp://127.0.0.1/live/taken 2>/dev/null
    ! timeout 20 "${quiet[@]}" -i rtmp://127.0.0.1/vod/missing.flv -t 1 -c copy -f null - 2>/dev/null
    end 4
    wait "$publisher"
    server_stop
    keep refused.pcap
    holds refused.pcap '[c["s2c"]["status_codes"][-1:] for c in t["connections"]] == [[], ["NetConnection.Connect.Success"], ["NetStream.Publish.BadName"], ["NetStream.Play.StreamNotFound"]]'
}

cap_sll2() {
    server 4096
    begin sll2.pcap any 'tcp port 1935'
    "${publish[@]}" -i "$tmp/avc.flv" -t 2 -c copy -f flv rtmp://127.0.0.1/live/cam
    end 1
    server_stop
    keep sll2.pcap
}

cap_options() {
    server 4096
    begin options.pcap lo 'tcp port 1935' --time-stamp-precision=nano
    "${publish[@]}" -i "$tmp/avc.flv" -t 2 -c copy -f flv rtmp://127.0.0.1/live/cam
    end 1
    server_stop
    editcap -F pcapng --capture-comment 'made by testdata/make.sh' -a '1:the first packet' -a '40:a packet in the middle' \
        "$tmp/options.pcap" "$tmp/options.pcapng"
    rm "$tmp/options.pcap"
    keep options.pcapng
}

cap_ipv6() {
    server 4096
    begin ipv6.pcap lo 'tcp port 1935'
    "${publish[@]}" -i "$tmp/avc.flv" -t 2 -c copy -f flv 'rtmp://[::1]/live/cam'
    end 1
    server_stop
    keep ipv6.pcap
}

cap_two_connections() {
    server 4096
    begin two-connections.pcap lo 'tcp port 1935'
    "${publish[@]}" -i "$tmp/avc.flv" -c copy -f flv rtmp://127.0.0.1/live/cam &
    local publisher=$!
    sleep 1
    watch 2 rtmp://127.0.0.1/live/cam
    wait "$publisher"
    end 2
    server_stop
    keep two-connections.pcap
    holds two-connections.pcap '"video" in t["connections"][1]["s2c"]'
}

cap_vlan() {
    python3 edit.py vlan quickstart.pcap "$tmp/vlan.pcap"
    keep vlan.pcap
}

cap_one_lost_segment() {
    python3 edit.py drop quickstart.pcap "$tmp/one-lost-segment.pcap"
    keep one-lost-segment.pcap --of quickstart.pcap
}

cap_lost_in_keyframe() {
    python3 edit.py drop-inside quickstart.pcap "$tmp/lost-in-keyframe.pcap"
    keep lost-in-keyframe.pcap --of quickstart.pcap
    holds lost-in-keyframe.pcap 'len(t["connections"][0]["c2s"]["touched"]) == 1'
}

# FILE NAME...: publishes clips one after the other, a connection each
published() {
    local file=$1 name
    shift
    for name in "$@"; do clip "$name"; done
    server 4096
    begin "$file" lo 'tcp port 1935'
    for name in "$@"; do
        "${new[@]}" -re -i "$tmp/$name.clip.flv" -map 0 -c copy -f flv "rtmp://127.0.0.1/live/$name"
    done
    end $#
    server_stop
    keep "$file"
}

cap_codecs_video() {
    published codecs-video.pcap avc av1 vp9 vvc hevc-hdr h263 screen screen-2
}

cap_codecs_audio() {
    published codecs-audio.pcap aac-51 mp3 mp3-48k opus flac ac3 eac3 speex g711a g711u adpcm pcm-8 pcm-16 nelly-8k nelly-16k nelly-22k
}

cap_multitrack() {
    published multitrack.pcap tracks
}

# ---------------------------------------------------------------- carried: in TLS, in HTTP
publish_small() { # [ENVIRONMENT] URL
    env "${@:1:$#-1}" "${publish[@]}" -i "$tmp/small.flv" -c copy -f flv "${@: -1}"
}
tls_publish() { # NAME URL FILTER [OPTION...]: by ffmpeg (GnuTLS), ended by stunnel (OpenSSL)
    local name=$1 url=$2 filter=$3
    shift 3
    server 4096
    stunnel_server "${filter##* }" "$@"
    begin_carried "$name" "$filter"
    publish_small SSLKEYLOGFILE="$tmp/keys" "$url"
}

cap_rtmps_tls13() {
    tls_publish rtmps-tls13 "rtmps://localhost/live/$key" 'ip and tcp port 443'
    end_carried rtmps-tls13 1 1
    shows carried/rtmps-tls13.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0x1302'
    shows carried/rtmps-tls13.pcap 'tls.handshake.extensions_server_name == "localhost"'
    # with the secrets inside
    editcap --inject-secrets tls,carried/rtmps-tls13.keys -F pcapng carried/rtmps-tls13.pcap "$tmp/carried/rtmps-secrets.pcapng"
    keep carried/rtmps-secrets.pcapng --plain "$tmp/plain.pcap"
    # in another order
    python3 edit.py reorder carried/rtmps-tls13.pcap "$tmp/carried/rtmps-reordered.pcap"
    cp carried/rtmps-tls13.keys carried/rtmps-reordered.keys
    keep carried/rtmps-reordered.pcap --plain "$tmp/plain.pcap"
    # without a packet that is one record, without the end of one, without the head of one
    local edit
    for edit in drop drop-inside drop-head; do
        python3 edit.py "$edit" carried/rtmps-tls13.pcap "$tmp/carried/rtmps-$edit.pcap"
        cp carried/rtmps-tls13.keys "carried/rtmps-$edit.keys"
        keep "carried/rtmps-$edit.pcap" --plain "$tmp/plain.pcap" --of carried/rtmps-tls13.pcap
        holds "carried/rtmps-$edit.pcap" 'len(t["connections"][0]["c2s"]["missing"]) == 1 and len(t["connections"][0]["c2s"]["touched"]) == 1'
    done
}

cap_rtmps_tls13_chacha() {
    tls_publish rtmps-tls13-chacha rtmps://localhost/live/cam 'ip and tcp port 443' 'ciphersuites = TLS_CHACHA20_POLY1305_SHA256'
    end_carried rtmps-tls13-chacha 1 1
    shows carried/rtmps-tls13-chacha.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0x1303'
}

cap_rtmps_hello_retry() {
    tls_publish rtmps-hello-retry rtmps://localhost/live/cam 'ip and tcp port 443' 'curves = P-384' 'ciphersuites = TLS_AES_128_GCM_SHA256'
    end_carried rtmps-hello-retry 1 1
    shows carried/rtmps-hello-retry.pcap 'tls.handshake.random == cf:21:ad:74:e5:9a:61:11:be:1d:8c:02:1e:65:b8:91:c2:a2:11:16:7a:bb:8c:5e:07:9e:09:e2:c8:a8:33:9c'
    shows carried/rtmps-hello-retry.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0x1301'
}

cap_rtmps_tls12_gcm() { # played, by librtmp (GnuTLS)
    server 4096
    stunnel_server 443 'sslVersionMax = TLSv1.2' 'ciphers = ECDHE-ECDSA-AES128-GCM-SHA256'
    begin_carried rtmps-tls12-gcm 'tcp port 443'
    SSLKEYLOGFILE=$tmp/keys timeout 60 rtmpdump -q -r rtmps://127.0.0.1:443/vod -y small.flv -o "$tmp/played.flv" || true
    end_carried rtmps-tls12-gcm 1 1
    shows carried/rtmps-tls12-gcm.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0xc02b'
}

cap_rtmps_tls12_chacha() {
    tls_publish rtmps-tls12-chacha rtmps://localhost/live/cam 'ip and tcp port 443' \
        'sslVersionMax = TLSv1.2' 'ciphers = ECDHE-ECDSA-CHACHA20-POLY1305'
    end_carried rtmps-tls12-chacha 1 1
    shows carried/rtmps-tls12-chacha.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0xcca9'
}

cap_rtmps_tls12_cbc() { # encrypt-then-MAC; the port is none of RTMPS's
    tls_publish rtmps-tls12-cbc rtmps://127.0.0.1:1937/live/cam 'tcp port 1937' \
        'sslVersionMax = TLSv1.2' 'ciphers = ECDHE-ECDSA-AES128-SHA'
    end_carried rtmps-tls12-cbc 1 1
    shows carried/rtmps-tls12-cbc.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0xc009 and tls.handshake.extension.type == 22'
}

cap_rtmps_tls12_cbc_mac_first() {
    tls_publish rtmps-tls12-cbc-mac-first rtmps://localhost/live/cam 'ip and tcp port 443' \
        'sslVersionMax = TLSv1.2' 'ciphers = ECDHE-ECDSA-AES256-SHA' 'options = NO_ENCRYPT_THEN_MAC'
    end_carried rtmps-tls12-cbc-mac-first 1 1
    shows carried/rtmps-tls12-cbc-mac-first.pcap 'tls.handshake.type == 2 and tls.handshake.ciphersuite == 0xc00a and not tls.handshake.extension.type == 22'
}

cap_rtmps_resumed() { # the second connection with the session of the first
    server 4096
    stunnel_server 443
    begin_carried rtmps-resumed 'tcp port 443'
    tls_client
    publish_small rtmp://127.0.0.1:1950/live/first
    timeout 60 rtmpdump -q -r rtmp://127.0.0.1:1950/vod -y small.flv -o "$tmp/played.flv" || true
    end_carried rtmps-resumed 2 2
    shows carried/rtmps-resumed.pcap 'tls.handshake.type == 2 and tls.handshake.extensions.psk.identity.selected == 0'
}

cap_rtmps_key_update() {
    server 4096
    stunnel_server 443
    begin_carried rtmps-key-update 'tcp port 443'
    tls_client --update 9000
    publish_small rtmp://127.0.0.1:1950/live/cam
    end_carried rtmps-key-update 1 1
    shows carried/rtmps-key-update.pcap 'tls.handshake.type == 24 and tcp.dstport == 443'
    shows carried/rtmps-key-update.pcap 'tls.handshake.type == 24 and tcp.srcport == 443'
}

cap_rtmpt_publish() {
    server 4096
    rtmpt_gateway 80
    begin_carried rtmpt-publish 'tcp port 80'
    publish_small rtmpt://127.0.0.1/live/cam
    end_carried rtmpt-publish 1 1
    python3 edit.py drop-inside carried/rtmpt-publish.pcap "$tmp/carried/rtmpt-drop-inside.pcap"
    keep carried/rtmpt-drop-inside.pcap --plain "$tmp/plain.pcap" --of carried/rtmpt-publish.pcap
    holds carried/rtmpt-drop-inside.pcap 'len(t["connections"][0]["c2s"]["missing"]) == 1'
}

cap_rtmpt_play() {
    server 4096
    rtmpt_gateway 80
    begin_carried rtmpt-play 'tcp port 80'
    timeout 60 rtmpdump -q -r rtmpt://127.0.0.1/vod -y small.flv -o "$tmp/played.flv" || true
    end_carried rtmpt-play 1 1
}

cap_rtmpt_connections() { # an HTTP proxy that takes a new connection for each 4 requests
    server 4096
    rtmpt_gateway 8081
    http_proxy 8082 'upstream gateway { server 127.0.0.1:8081; keepalive 1; keepalive_requests 4; }' \
        'proxy_http_version 1.1; proxy_set_header Connection "";'
    begin_carried rtmpt-connections 'tcp port 8081'
    publish_small rtmpt://127.0.0.1:8082/live/cam
    end_carried rtmpt-connections 1 0
    holds carried/rtmpt-connections.pcap 't["tcp_connections"] > 2'
}

cap_rtmpt_close() { # one that asks in HTTP 1.0, with a new connection for each request
    server 4096
    rtmpt_gateway 8081
    http_proxy 8082 'upstream gateway { server 127.0.0.1:8081; }'
    begin_carried rtmpt-close 'tcp port 8081'
    publish_small rtmpt://127.0.0.1:8082/live/cam
    end_carried rtmpt-close 1 0
    holds carried/rtmpt-close.pcap 't["tcp_connections"] > 10'
    shows carried/rtmpt-close.pcap 'http.connection == "close"'
}

cap_rtmpts() {
    server 4096
    rtmpt_gateway 8081
    behind=8081 stunnel_server 443
    begin_carried rtmpts 'ip and tcp port 443'
    publish_small SSLKEYLOGFILE="$tmp/keys" rtmpts://localhost/live/cam
    end_carried rtmpts 1 1
}

# ---------------------------------------------------------------- network: what is done to packets
cap_network() {
    server 4096
    begin network/whole.pcap lo 'tcp port 1935'
    publish_small rtmp://127.0.0.1/live/cam
    end 1
    server_stop
    keep network/whole.pcap
    gzip -9nc network/whole.pcap >"$tmp/network/gzip.pcap.gz"
    keep network/gzip.pcap.gz --as network/whole.pcap
    local edit
    for edit in no-syn vxlan gre fragment one-side; do
        python3 edit.py "$edit" network/whole.pcap "$tmp/network/$edit.pcap"
        case $edit in
        one-side) keep "network/$edit.pcap" ;;
        *) keep "network/$edit.pcap" --as network/whole.pcap ;;
        esac
    done
    editcap -F pcap -s 200 network/whole.pcap "$tmp/network/snaplen.pcap"
    keep network/snaplen.pcap --of network/whole.pcap
    holds network/snaplen.pcap 'len(t["connections"][0]["c2s"]["missing"]) > 2'
}

cap_bad_link() { # two hosts, each an interface, and a link between them that loses, delays, repeats
    unshare --net sleep 600 &
    local client=$!
    pids+=("$client")
    until_ 10 ip link add name near type veth peer name client0 netns "$client"
    ip link add name far type veth peer name server0
    ip addr add 192.0.2.2/24 dev server0
    local end
    for end in near far server0; do ip link set "$end" gso_max_segs 1 up; done
    nsenter --target "$client" --net bash -c 'ip addr add 192.0.2.1/24 dev client0; ip link set client0 gso_max_segs 1 up'
    coproc LINK { exec python3 bad_link.py near far; }
    pids+=("$LINK_PID")
    read -r -u "${LINK[0]}" _
    also_listen=192.0.2.2:1935 server 4096
    begin network/bad-link.pcap server0 'tcp port 1935'
    nsenter --target "$client" --net "${publish[@]}" -i "$tmp/avc.flv" -t 2 -c copy -f flv rtmp://192.0.2.2/live/cam
    end 1
    server_stop
    kill "$LINK_PID" "$client"
    keep network/bad-link.pcap
    shows network/bad-link.pcap 'tcp.analysis.retransmission'
    shows network/bad-link.pcap 'tcp.analysis.out_of_order'
}

cap_reordered() {
    python3 edit.py reorder quickstart.pcap "$tmp/network/reordered.pcap"
    keep network/reordered.pcap
}

# ---------------------------------------------------------------- what is no capture of packets
cap_one_direction() {
    local direction
    for direction in c2s s2c; do python3 edit.py "$direction" quickstart.pcap "quickstart-$direction.raw"; done
}

cap_flv() {
    "${quiet[@]}" -i "$tmp/avc.flv" -t 1.5 -c copy avc-aac.flv
    "${new[@]}" -i "$tmp/hevc-opus.mkv" -t 1.5 -c copy hevc-opus.flv
}

all=(quickstart play port-1936 large-chunk large-message gst-rtmp2sink gst-rtmpsink rtmpdump-play enhanced-hevc
    ext-timestamp timestamp-wrap refused sll2 options ipv6 two-connections vlan one-lost-segment lost-in-keyframe codecs-video codecs-audio multitrack
    rtmps-tls13 rtmps-tls13-chacha rtmps-hello-retry rtmps-tls12-gcm rtmps-tls12-chacha rtmps-tls12-cbc rtmps-tls12-cbc-mac-first
    rtmps-resumed rtmps-key-update rtmpt-publish rtmpt-play rtmpt-connections rtmpt-close rtmpts network bad-link reordered one-direction flv)
(($#)) || set -- "${all[@]}"
sources
for name in "$@"; do
    began=$SECONDS
    "cap_${name//-/_}"
    printf '%s took %d s\n' "$name" $((SECONDS - began)) >&2
done
printf '%d captures in %d seconds\n' $# "$SECONDS"
