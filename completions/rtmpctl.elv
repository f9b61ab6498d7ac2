
use builtin;
use str;

set edit:completion:arg-completer[rtmpctl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'rtmpctl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'rtmpctl'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand decode 'Decode captures (pcap and pcapng), FLV files and raw dumps of one direction to the end of the files'
            cand listen 'Be the RTMP server that an encoder or player connects to, and see what it really does'
            cand proxy 'Hand connections on to a server, byte for byte, and see both sides of the conversation'
            cand rules 'List the findings that rtmpctl can report, or explain one'
            cand schema 'Print the JSON Schema of the records'
            cand completions 'Print the completions of a shell'
            cand man 'Print the man page, or write all of them into a directory'
        }
        &'rtmpctl;decode'= {
            cand --files-from 'Also read the captures that this file names, one a line or ended by zero bytes; - is standard input'
            cand --port 'Take connections on these ports for RTMP even without a handshake (1935 always is)'
            cand --key-log 'Decrypt TLS with the secrets in this file, as SSLKEYLOGFILE makes it; it may grow while a capture is read'
            cand --decode-as 'Take every TCP connection, and each file of no known format, for the given protocol'
            cand -f 'How to print records'
            cand --format 'How to print records'
            cand -o 'Write records there instead of to standard output'
            cand --output 'Write records there instead of to standard output'
            cand --only 'Keep only these events or message kinds'
            cand --skip 'Drop these events or message kinds'
            cand --connection 'Keep only these connections'
            cand --direction 'Keep only this direction'
            cand --payload 'Show message payloads'
            cand --payload-bytes 'Show at most so many bytes of each payload [default: all]'
            cand --write-flv 'Record each published stream as FLV into this directory'
            cand --write-pcapng 'Record the traffic as pcapng'
            cand --fail-on 'Exit with status 1 if a finding of this severity or worse was reported'
            cand --color 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed'
            cand --follow 'Wait for more at the end of the last file, until Ctrl-C'
            cand --chunks 'Also print each chunk'
            cand --frames 'In tables, a row per audio or video frame instead of one per track and second'
            cand --bitstream 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
            cand --show-keys 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
            cand --no-rules 'Report only what decoding itself has to say: losses, gaps, damage, limits'
            cand -q 'Less on standard error'
            cand --quiet 'Less on standard error'
            cand -v 'More on standard error'
            cand --verbose 'More on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rtmpctl;listen'= {
            cand --duration 'End after this time, e.g. 90s or 1m30s'
            cand --max-connections 'Connections open at once; one more is closed at once'
            cand --idle-timeout 'Close a connection on which nothing came for this time'
            cand --tls-cert 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it'
            cand --tls-key 'The certificate''s private key, PEM'
            cand --key-log 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does'
            cand --accept-app 'Accept only these applications; * and ? stand for other characters'
            cand --accept-key 'Accept only these stream keys; * and ? stand for other characters'
            cand --refuse-with 'How to refuse others'
            cand --auth 'Accept only clients that authenticate so, as Adobe''s or Limelight''s servers ask for it'
            cand --redirect 'Send all clients to another server'
            cand --chunk-size 'The chunk size to announce and use, bytes'
            cand --window 'The acknowledgement window to announce, bytes'
            cand --peer-bandwidth 'The peer bandwidth to announce, bytes'
            cand --ack 'When to acknowledge what comes, where the client announced a window'
            cand --reconnect-after 'Ask the client after this time to connect again (Enhanced RTMP)'
            cand --drop-after 'Close each connection after this time'
            cand -f 'How to print records'
            cand --format 'How to print records'
            cand -o 'Write records there instead of to standard output'
            cand --output 'Write records there instead of to standard output'
            cand --only 'Keep only these events or message kinds'
            cand --skip 'Drop these events or message kinds'
            cand --connection 'Keep only these connections'
            cand --direction 'Keep only this direction'
            cand --payload 'Show message payloads'
            cand --payload-bytes 'Show at most so many bytes of each payload [default: all]'
            cand --write-flv 'Record each published stream as FLV into this directory'
            cand --write-pcapng 'Record the traffic as pcapng'
            cand --fail-on 'Exit with status 1 if a finding of this severity or worse was reported'
            cand --color 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed'
            cand --once 'End when the first connection has closed'
            cand --tls-self-signed 'Serve TLS too, with a certificate made for this run'
            cand --no-play 'Let nobody play what is published'
            cand --no-enhanced 'Be a server that does not know Enhanced RTMP'
            cand --chunks 'Also print each chunk'
            cand --frames 'In tables, a row per audio or video frame instead of one per track and second'
            cand --bitstream 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
            cand --show-keys 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
            cand --no-rules 'Report only what decoding itself has to say: losses, gaps, damage, limits'
            cand -q 'Less on standard error'
            cand --quiet 'Less on standard error'
            cand -v 'More on standard error'
            cand --verbose 'More on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rtmpctl;proxy'= {
            cand --listen 'Where to listen: an address, a port or both'
            cand --upstream-timeout 'Close the client if the server is not connected to within this time'
            cand --duration 'End after this time, e.g. 90s or 1m30s'
            cand --max-connections 'Connections open at once; one more is closed at once'
            cand --idle-timeout 'Close a connection on which nothing came for this time'
            cand --tls-cert 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it'
            cand --tls-key 'The certificate''s private key, PEM'
            cand --key-log 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does'
            cand --ca 'Believe certificates of the server that are issued by those in this PEM file, instead of by whom the system trusts'
            cand -f 'How to print records'
            cand --format 'How to print records'
            cand -o 'Write records there instead of to standard output'
            cand --output 'Write records there instead of to standard output'
            cand --only 'Keep only these events or message kinds'
            cand --skip 'Drop these events or message kinds'
            cand --connection 'Keep only these connections'
            cand --direction 'Keep only this direction'
            cand --payload 'Show message payloads'
            cand --payload-bytes 'Show at most so many bytes of each payload [default: all]'
            cand --write-flv 'Record each published stream as FLV into this directory'
            cand --write-pcapng 'Record the traffic as pcapng'
            cand --fail-on 'Exit with status 1 if a finding of this severity or worse was reported'
            cand --color 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed'
            cand --once 'End when the first connection has closed'
            cand --tls-self-signed 'Serve TLS too, with a certificate made for this run'
            cand --insecure 'Believe any certificate of the server, also a false one'
            cand --chunks 'Also print each chunk'
            cand --frames 'In tables, a row per audio or video frame instead of one per track and second'
            cand --bitstream 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)'
            cand --show-keys 'Show stream keys, tokens and passwords as sent; they are masked otherwise'
            cand --no-rules 'Report only what decoding itself has to say: losses, gaps, damage, limits'
            cand -q 'Less on standard error'
            cand --quiet 'Less on standard error'
            cand -v 'More on standard error'
            cand --verbose 'More on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rtmpctl;rules'= {
            cand -f 'How to print them'
            cand --format 'How to print them'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rtmpctl;schema'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rtmpctl;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rtmpctl;man'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
