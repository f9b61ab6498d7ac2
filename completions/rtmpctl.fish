# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rtmpctl_global_optspecs
    string join \n h/help V/version
end

function __fish_rtmpctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rtmpctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rtmpctl_using_subcommand
    set -l cmd (__fish_rtmpctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -s h -l help -d 'Print help'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -s V -l version -d 'Print version'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "decode" -d 'Decode captures (pcap and pcapng), FLV files and raw dumps of one direction to the end of the files'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "listen" -d 'Be the RTMP server that an encoder or player connects to, and see what it really does'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "proxy" -d 'Hand connections on to a server, byte for byte, and see both sides of the conversation'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "rules" -d 'List the findings that rtmpctl can report, or explain one'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "profiles" -d 'List what services want of a stream, or show the numbers of one with their sources'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "schema" -d 'Print the JSON Schema of the records'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c rtmpctl -n "__fish_rtmpctl_needs_command" -f -a "man" -d 'Print the man page, or write all of them into a directory'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l files-from -d 'Also read the captures that this file names, one a line or ended by zero bytes; - is standard input' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l port -d 'Take connections on these ports for RTMP even without a handshake (1935 always is)' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l key-log -d 'Decrypt TLS with the secrets in this file, as SSLKEYLOGFILE makes it; it may grow while a capture is read' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l decode-as -d 'Take every TCP connection, and each file of no known format, for the given protocol' -r -f -a "rtmp\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -s f -l format -d 'How to print records' -r -f -a "table\t'Aligned rows for people'
json\t'One JSON object a line'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -s o -l output -d 'Write records there instead of to standard output' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l only -d 'Keep only these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l skip -d 'Drop these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l connection -d 'Keep only these connections' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l direction -d 'Keep only this direction' -r -f -a "c2s\t'Client to server'
s2c\t'Server to client'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l payload -d 'Show message payloads' -r -f -a "none\t''
hex\t''
base64\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l payload-bytes -d 'Show at most so many bytes of each payload [default: all]' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l write-flv -d 'Record each published stream as FLV into this directory' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l write-pcapng -d 'Record the traffic as pcapng' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l profile -d 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l fail-on -d 'Exit with status 1 if a finding of this severity or worse was reported' -r -f -a "info\t''
warning\t''
error\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l report -d 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l color -d 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l follow -d 'Wait for more at the end of the last file, until Ctrl-C'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l chunks -d 'Also print each chunk'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l frames -d 'In tables, a row per audio or video frame instead of one per track and second'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l timeline -d 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l bitstream -d 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l show-keys -d 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -l no-rules -d 'Report only what decoding itself has to say: losses, gaps, damage, limits'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -s q -l quiet -d 'Less on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -s v -l verbose -d 'More on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand decode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l duration -d 'End after this time, e.g. 90s or 1m30s' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l max-connections -d 'Connections open at once; one more is closed at once' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l idle-timeout -d 'Close a connection on which nothing came for this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l tls-cert -d 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l tls-key -d 'The certificate\'s private key, PEM' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l key-log -d 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l accept-app -d 'Accept only these applications; * and ? stand for other characters' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l accept-key -d 'Accept only these stream keys; * and ? stand for other characters' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l refuse-with -d 'How to refuse others' -r -f -a "error\t'As Flash Media Server: an error to connect, or NetStream.Publish.BadName for the key'
badname\t'NetStream.Publish.BadName in both cases'
close\t'Close without an answer'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l auth -d 'Accept only clients that authenticate so, as Adobe\'s or Limelight\'s servers ask for it' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l auth-mod -d 'How clients are told to authenticate; one that names a way itself may use either' -r -f -a "adobe\t'As Adobe\'s servers do: salted and hashed twice'
llnw\t'As Limelight\'s: like HTTP digests'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l redirect -d 'Send all clients to another server' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l chunk-size -d 'The chunk size to announce and use, bytes' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l window -d 'The acknowledgement window to announce, bytes' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l peer-bandwidth -d 'The peer bandwidth to announce, bytes' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l ack -d 'When to acknowledge what comes, where the client announced a window' -r -f -a "due\t'As soon as the window is full'
late\t'When twice the window is full'
never\t'Never'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l reconnect-after -d 'Ask the client after this time to connect again (Enhanced RTMP)' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l drop-after -d 'Close each connection after this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -s f -l format -d 'How to print records' -r -f -a "table\t'Aligned rows for people'
json\t'One JSON object a line'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -s o -l output -d 'Write records there instead of to standard output' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l only -d 'Keep only these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l skip -d 'Drop these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l connection -d 'Keep only these connections' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l direction -d 'Keep only this direction' -r -f -a "c2s\t'Client to server'
s2c\t'Server to client'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l payload -d 'Show message payloads' -r -f -a "none\t''
hex\t''
base64\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l payload-bytes -d 'Show at most so many bytes of each payload [default: all]' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l write-flv -d 'Record each published stream as FLV into this directory' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l write-pcapng -d 'Record the traffic as pcapng' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l profile -d 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l fail-on -d 'Exit with status 1 if a finding of this severity or worse was reported' -r -f -a "info\t''
warning\t''
error\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l report -d 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l color -d 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l once -d 'End when the first connection has closed'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l tls-self-signed -d 'Serve TLS too, with a certificate made for this run'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l no-play -d 'Let nobody play what is published'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l no-enhanced -d 'Be a server that does not know Enhanced RTMP'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l chunks -d 'Also print each chunk'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l frames -d 'In tables, a row per audio or video frame instead of one per track and second'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l timeline -d 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l bitstream -d 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l show-keys -d 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -l no-rules -d 'Report only what decoding itself has to say: losses, gaps, damage, limits'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -s q -l quiet -d 'Less on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -s v -l verbose -d 'More on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l listen -d 'Where to listen: an address, a port or both' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l upstream-timeout -d 'Close the client if the server is not connected to within this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l send-proxy-protocol -d 'Tell the server who the client is by a header of the PROXY protocol' -r -f -a "v1\t'A line of text'
v2\t'Binary'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l duration -d 'End after this time, e.g. 90s or 1m30s' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l max-connections -d 'Connections open at once; one more is closed at once' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l idle-timeout -d 'Close a connection on which nothing came for this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l tls-cert -d 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l tls-key -d 'The certificate\'s private key, PEM' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l key-log -d 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l ca -d 'Believe certificates of the server that are issued by those in this PEM file, instead of by whom the system trusts' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l set -d 'Replace a single one: app=…, tc-url=… or key=…' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l delay -d 'Keep everything for this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l jitter -d 'Keep it for up to this time more, drawn anew again and again; the order stays' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l rate -d 'Let no more through than this, in bits a second' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l stall-after -d 'Let nothing through any more after this time' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l reset-after -d 'Reset the connection after this time, or after so many bytes' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l drop-acks -d 'Leave acknowledgements out' -r -f -a "c2s\t'From the client'
s2c\t'From the server'
both\t'Both'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l corrupt-rate -d 'Change a bit in this share of the bytes, e.g. 1e-6' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l seed -d 'Draw from this number, so that faults are the same again; another one in each run otherwise' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -s f -l format -d 'How to print records' -r -f -a "table\t'Aligned rows for people'
json\t'One JSON object a line'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -s o -l output -d 'Write records there instead of to standard output' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l only -d 'Keep only these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l skip -d 'Drop these events or message kinds' -r -f -a "start\t''
connection_opened\t''
handshake\t''
chunk\t''
message\t''
gap\t''
finding\t''
connection_closed\t''
summary\t''
rewritten\t''
timeline\t''
set_chunk_size\t''
abort\t''
acknowledgement\t''
user_control\t''
window_acknowledgement_size\t''
set_peer_bandwidth\t''
audio\t''
video\t''
data\t''
shared_object\t''
command\t''
aggregate\t''
unknown\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l connection -d 'Keep only these connections' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l direction -d 'Keep only this direction' -r -f -a "c2s\t'Client to server'
s2c\t'Server to client'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l payload -d 'Show message payloads' -r -f -a "none\t''
hex\t''
base64\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l payload-bytes -d 'Show at most so many bytes of each payload [default: all]' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l write-flv -d 'Record each published stream as FLV into this directory' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l write-pcapng -d 'Record the traffic as pcapng' -r -F
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l profile -d 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l fail-on -d 'Exit with status 1 if a finding of this severity or worse was reported' -r -f -a "info\t''
warning\t''
error\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l report -d 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times' -r
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l color -d 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l transparent -d 'Hand each connection on to where it was going before the system redirected it here (Linux: REDIRECT and TPROXY)'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l accept-proxy-protocol -d 'Take who the client is from the PROXY protocol\'s header that each connection has to begin with'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l once -d 'End when the first connection has closed'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l tls-self-signed -d 'Serve TLS too, with a certificate made for this run'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l insecure -d 'Believe any certificate of the server, also a false one'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l rewrite -d 'Replace app, tcUrl and stream key of the client by those of UPSTREAM'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l chunks -d 'Also print each chunk'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l frames -d 'In tables, a row per audio or video frame instead of one per track and second'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l timeline -d 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l bitstream -d 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l show-keys -d 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -l no-rules -d 'Report only what decoding itself has to say: losses, gaps, damage, limits'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -s q -l quiet -d 'Less on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -s v -l verbose -d 'More on standard error'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand rules" -s f -l format -d 'How to print them' -r -f -a "table\t'Aligned rows for people'
json\t'One JSON object a line'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand rules" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand profiles" -s f -l format -d 'How to print them' -r -f -a "table\t'Aligned rows for people'
json\t'One JSON object a line'"
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand profiles" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand schema" -s h -l help -d 'Print help'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rtmpctl -n "__fish_rtmpctl_using_subcommand man" -s h -l help -d 'Print help'
