
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'rtmpctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'rtmpctl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'rtmpctl' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('decode', 'decode', [CompletionResultType]::ParameterValue, 'Decode captures (pcap and pcapng), FLV files and raw dumps of one direction to the end of the files')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Be the RTMP server that an encoder or player connects to, and see what it really does')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Hand connections on to a server, byte for byte, and see both sides of the conversation')
            [CompletionResult]::new('rules', 'rules', [CompletionResultType]::ParameterValue, 'List the findings that rtmpctl can report, or explain one')
            [CompletionResult]::new('profiles', 'profiles', [CompletionResultType]::ParameterValue, 'List what services want of a stream, or show the numbers of one with their sources')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of the records')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the man page, or write all of them into a directory')
            break
        }
        'rtmpctl;decode' {
            [CompletionResult]::new('--files-from', '--files-from', [CompletionResultType]::ParameterName, 'Also read the captures that this file names, one a line or ended by zero bytes; - is standard input')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Take connections on these ports for RTMP even without a handshake (1935 always is)')
            [CompletionResult]::new('--key-log', '--key-log', [CompletionResultType]::ParameterName, 'Decrypt TLS with the secrets in this file, as SSLKEYLOGFILE makes it; it may grow while a capture is read')
            [CompletionResult]::new('--decode-as', '--decode-as', [CompletionResultType]::ParameterName, 'Take every TCP connection, and each file of no known format, for the given protocol')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Keep only these events or message kinds')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Drop these events or message kinds')
            [CompletionResult]::new('--connection', '--connection', [CompletionResultType]::ParameterName, 'Keep only these connections')
            [CompletionResult]::new('--direction', '--direction', [CompletionResultType]::ParameterName, 'Keep only this direction')
            [CompletionResult]::new('--payload', '--payload', [CompletionResultType]::ParameterName, 'Show message payloads')
            [CompletionResult]::new('--payload-bytes', '--payload-bytes', [CompletionResultType]::ParameterName, 'Show at most so many bytes of each payload [default: all]')
            [CompletionResult]::new('--write-flv', '--write-flv', [CompletionResultType]::ParameterName, 'Record each published stream as FLV into this directory')
            [CompletionResult]::new('--write-pcapng', '--write-pcapng', [CompletionResultType]::ParameterName, 'Record the traffic as pcapng')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit with status 1 if a finding of this severity or worse was reported')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Wait for more at the end of the last file, until Ctrl-C')
            [CompletionResult]::new('--chunks', '--chunks', [CompletionResultType]::ParameterName, 'Also print each chunk')
            [CompletionResult]::new('--frames', '--frames', [CompletionResultType]::ParameterName, 'In tables, a row per audio or video frame instead of one per track and second')
            [CompletionResult]::new('--timeline', '--timeline', [CompletionResultType]::ParameterName, 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars')
            [CompletionResult]::new('--bitstream', '--bitstream', [CompletionResultType]::ParameterName, 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)')
            [CompletionResult]::new('--show-keys', '--show-keys', [CompletionResultType]::ParameterName, 'Show stream keys, tokens and passwords as sent; they are masked otherwise')
            [CompletionResult]::new('--no-rules', '--no-rules', [CompletionResultType]::ParameterName, 'Report only what decoding itself has to say: losses, gaps, damage, limits')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rtmpctl;listen' {
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End after this time, e.g. 90s or 1m30s')
            [CompletionResult]::new('--max-connections', '--max-connections', [CompletionResultType]::ParameterName, 'Connections open at once; one more is closed at once')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close a connection on which nothing came for this time')
            [CompletionResult]::new('--tls-cert', '--tls-cert', [CompletionResultType]::ParameterName, 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'The certificate''s private key, PEM')
            [CompletionResult]::new('--key-log', '--key-log', [CompletionResultType]::ParameterName, 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does')
            [CompletionResult]::new('--accept-app', '--accept-app', [CompletionResultType]::ParameterName, 'Accept only these applications; * and ? stand for other characters')
            [CompletionResult]::new('--accept-key', '--accept-key', [CompletionResultType]::ParameterName, 'Accept only these stream keys; * and ? stand for other characters')
            [CompletionResult]::new('--refuse-with', '--refuse-with', [CompletionResultType]::ParameterName, 'How to refuse others')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'Accept only clients that authenticate so, as Adobe''s or Limelight''s servers ask for it')
            [CompletionResult]::new('--auth-mod', '--auth-mod', [CompletionResultType]::ParameterName, 'How clients are told to authenticate; one that names a way itself may use either')
            [CompletionResult]::new('--redirect', '--redirect', [CompletionResultType]::ParameterName, 'Send all clients to another server')
            [CompletionResult]::new('--chunk-size', '--chunk-size', [CompletionResultType]::ParameterName, 'The chunk size to announce and use, bytes')
            [CompletionResult]::new('--window', '--window', [CompletionResultType]::ParameterName, 'The acknowledgement window to announce, bytes')
            [CompletionResult]::new('--peer-bandwidth', '--peer-bandwidth', [CompletionResultType]::ParameterName, 'The peer bandwidth to announce, bytes')
            [CompletionResult]::new('--ack', '--ack', [CompletionResultType]::ParameterName, 'When to acknowledge what comes, where the client announced a window')
            [CompletionResult]::new('--reconnect-after', '--reconnect-after', [CompletionResultType]::ParameterName, 'Ask the client after this time to connect again (Enhanced RTMP)')
            [CompletionResult]::new('--drop-after', '--drop-after', [CompletionResultType]::ParameterName, 'Close each connection after this time')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Keep only these events or message kinds')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Drop these events or message kinds')
            [CompletionResult]::new('--connection', '--connection', [CompletionResultType]::ParameterName, 'Keep only these connections')
            [CompletionResult]::new('--direction', '--direction', [CompletionResultType]::ParameterName, 'Keep only this direction')
            [CompletionResult]::new('--payload', '--payload', [CompletionResultType]::ParameterName, 'Show message payloads')
            [CompletionResult]::new('--payload-bytes', '--payload-bytes', [CompletionResultType]::ParameterName, 'Show at most so many bytes of each payload [default: all]')
            [CompletionResult]::new('--write-flv', '--write-flv', [CompletionResultType]::ParameterName, 'Record each published stream as FLV into this directory')
            [CompletionResult]::new('--write-pcapng', '--write-pcapng', [CompletionResultType]::ParameterName, 'Record the traffic as pcapng')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit with status 1 if a finding of this severity or worse was reported')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'End when the first connection has closed')
            [CompletionResult]::new('--tls-self-signed', '--tls-self-signed', [CompletionResultType]::ParameterName, 'Serve TLS too, with a certificate made for this run')
            [CompletionResult]::new('--no-play', '--no-play', [CompletionResultType]::ParameterName, 'Let nobody play what is published')
            [CompletionResult]::new('--no-enhanced', '--no-enhanced', [CompletionResultType]::ParameterName, 'Be a server that does not know Enhanced RTMP')
            [CompletionResult]::new('--chunks', '--chunks', [CompletionResultType]::ParameterName, 'Also print each chunk')
            [CompletionResult]::new('--frames', '--frames', [CompletionResultType]::ParameterName, 'In tables, a row per audio or video frame instead of one per track and second')
            [CompletionResult]::new('--timeline', '--timeline', [CompletionResultType]::ParameterName, 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars')
            [CompletionResult]::new('--bitstream', '--bitstream', [CompletionResultType]::ParameterName, 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)')
            [CompletionResult]::new('--show-keys', '--show-keys', [CompletionResultType]::ParameterName, 'Show stream keys, tokens and passwords as sent; they are masked otherwise')
            [CompletionResult]::new('--no-rules', '--no-rules', [CompletionResultType]::ParameterName, 'Report only what decoding itself has to say: losses, gaps, damage, limits')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rtmpctl;proxy' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Where to listen: an address, a port or both')
            [CompletionResult]::new('--upstream-timeout', '--upstream-timeout', [CompletionResultType]::ParameterName, 'Close the client if the server is not connected to within this time')
            [CompletionResult]::new('--send-proxy-protocol', '--send-proxy-protocol', [CompletionResultType]::ParameterName, 'Tell the server who the client is by a header of the PROXY protocol')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End after this time, e.g. 90s or 1m30s')
            [CompletionResult]::new('--max-connections', '--max-connections', [CompletionResultType]::ParameterName, 'Connections open at once; one more is closed at once')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close a connection on which nothing came for this time')
            [CompletionResult]::new('--tls-cert', '--tls-cert', [CompletionResultType]::ParameterName, 'Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'The certificate''s private key, PEM')
            [CompletionResult]::new('--key-log', '--key-log', [CompletionResultType]::ParameterName, 'Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Believe certificates of the server that are issued by those in this PEM file, instead of by whom the system trusts')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Replace a single one: app=…, tc-url=… or key=…')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Keep everything for this time')
            [CompletionResult]::new('--jitter', '--jitter', [CompletionResultType]::ParameterName, 'Keep it for up to this time more, drawn anew again and again; the order stays')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Let no more through than this, in bits a second')
            [CompletionResult]::new('--stall-after', '--stall-after', [CompletionResultType]::ParameterName, 'Let nothing through any more after this time')
            [CompletionResult]::new('--reset-after', '--reset-after', [CompletionResultType]::ParameterName, 'Reset the connection after this time, or after so many bytes')
            [CompletionResult]::new('--drop-acks', '--drop-acks', [CompletionResultType]::ParameterName, 'Leave acknowledgements out')
            [CompletionResult]::new('--corrupt-rate', '--corrupt-rate', [CompletionResultType]::ParameterName, 'Change a bit in this share of the bytes, e.g. 1e-6')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Draw from this number, so that faults are the same again; another one in each run otherwise')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print records')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write records there instead of to standard output')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Keep only these events or message kinds')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Drop these events or message kinds')
            [CompletionResult]::new('--connection', '--connection', [CompletionResultType]::ParameterName, 'Keep only these connections')
            [CompletionResult]::new('--direction', '--direction', [CompletionResultType]::ParameterName, 'Keep only this direction')
            [CompletionResult]::new('--payload', '--payload', [CompletionResultType]::ParameterName, 'Show message payloads')
            [CompletionResult]::new('--payload-bytes', '--payload-bytes', [CompletionResultType]::ParameterName, 'Show at most so many bytes of each payload [default: all]')
            [CompletionResult]::new('--write-flv', '--write-flv', [CompletionResultType]::ParameterName, 'Record each published stream as FLV into this directory')
            [CompletionResult]::new('--write-pcapng', '--write-pcapng', [CompletionResultType]::ParameterName, 'Record the traffic as pcapng')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit with status 1 if a finding of this severity or worse was reported')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed')
            [CompletionResult]::new('--transparent', '--transparent', [CompletionResultType]::ParameterName, 'Hand each connection on to where it was going before the system redirected it here (Linux: REDIRECT and TPROXY)')
            [CompletionResult]::new('--accept-proxy-protocol', '--accept-proxy-protocol', [CompletionResultType]::ParameterName, 'Take who the client is from the PROXY protocol''s header that each connection has to begin with')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'End when the first connection has closed')
            [CompletionResult]::new('--tls-self-signed', '--tls-self-signed', [CompletionResultType]::ParameterName, 'Serve TLS too, with a certificate made for this run')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Believe any certificate of the server, also a false one')
            [CompletionResult]::new('--rewrite', '--rewrite', [CompletionResultType]::ParameterName, 'Replace app, tcUrl and stream key of the client by those of UPSTREAM')
            [CompletionResult]::new('--chunks', '--chunks', [CompletionResultType]::ParameterName, 'Also print each chunk')
            [CompletionResult]::new('--frames', '--frames', [CompletionResultType]::ParameterName, 'In tables, a row per audio or video frame instead of one per track and second')
            [CompletionResult]::new('--timeline', '--timeline', [CompletionResultType]::ParameterName, 'Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars')
            [CompletionResult]::new('--bitstream', '--bitstream', [CompletionResultType]::ParameterName, 'Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in JSON, and in tables with --frames)')
            [CompletionResult]::new('--show-keys', '--show-keys', [CompletionResultType]::ParameterName, 'Show stream keys, tokens and passwords as sent; they are masked otherwise')
            [CompletionResult]::new('--no-rules', '--no-rules', [CompletionResultType]::ParameterName, 'Report only what decoding itself has to say: losses, gaps, damage, limits')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Less on standard error')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'More on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rtmpctl;rules' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rtmpctl;profiles' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print them')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rtmpctl;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rtmpctl;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rtmpctl;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
