namespace Harness.Run;

/// <summary>
/// The shell that every peer runs under, because a peer does not know of our <see cref="Lifeline"/>: it says the peer's process number on its first line,
/// passes SIGTERM on, ends as the peer ends, and ends the peer when the runner's end of its standard input closes, be it by SIGKILL. It then also removes
/// what the runner would have removed. As the peer's parent it knows that the number is still the peer's; PR_SET_PDEATHSIG would not do, since it asks
/// after the thread that started the peer.
/// </summary>
internal static class PeerGuard
{
    // A daemon is nobody's child, but what it inherits stays open for as long as it or a child of it lives: "cat" then sees the end of the pipe.
    // The signal that is passed on interrupts "wait", which then has not said how the peer ended; asked again, it does.
    private const string Script = """
        scratch=$1 file=$2 pidfile=$3; shift 3
        trap '' INT
        exec 3<&0 </dev/null
        if [ -z "$pidfile" ]; then
          "$@" 3<&- & pid=$! awaited=$!
        else
          mkfifo "$scratch/alive" || exit 1
          cat "$scratch/alive" >/dev/null 3<&- & awaited=$!
          "$@" 3<&- 9>"$scratch/alive" || exit
          while [ ! -s "$pidfile" ] && kill -0 $awaited 2>/dev/null; do sleep 0.01; done
          read -r pid <"$pidfile" || exit 1
        fi
        told=
        trap 'told=1; kill -TERM $pid 2>/dev/null' TERM
        ( trap - TERM; exec >/dev/null 2>&1; while read -r _; do :; done <&3; trap '' TERM; kill -KILL $pid; rm -rf -- "$scratch" ${file:+"$file"} ) & watch=$!
        exec 3<&-
        echo $pid
        wait $awaited; code=$?
        if [ -n "$told" ] && [ $code -gt 128 ]; then wait $awaited; again=$?; [ $again = 127 ] || code=$again; fi
        kill $watch
        if [ -n "$pidfile" ] && [ -z "$told" ]; then echo "it ended without being told to" >&2; exit 1; fi
        exit $code
        """;

    /// <param name="launch">What it is to start.</param>
    /// <param name="scratch">The cell's folder.</param>
    /// <param name="file">The file in memory, where there is one.</param>
    public static IReadOnlyList<string> Command(PeerLaunch launch, ScratchFolder scratch, TmpfsFile? file) =>
        ["sh", "-c", Script, "guard", scratch.Path, file?.Path ?? "", launch.PidFile ?? "", .. launch.Command];
}
