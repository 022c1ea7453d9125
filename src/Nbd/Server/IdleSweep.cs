using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Takes the receive chunks of idle connections back. A connection that received something keeps its chunk: the next receive goes straight into it, so a busy
/// connection pays nothing for the lending. Once a loop has lent more than a few chunks, whoever has received nothing for half a second gives its own back and
/// waits for bytes without memory; the first bytes after that cost one submission more on <c>uring</c>, and nothing elsewhere. It belongs to one loop's thread.
/// </summary>
/// <remarks>
/// Two other ways were passed over. A ring of provided buffers, from which the kernel takes one when bytes have come, hands them out in turn, so that a
/// single busy connection walks through all of their memory, where now it has one chunk in the cache. And a wait without memory before every receive would be
/// one more submission for each. With few chunks lent no timer runs, so a turn of the loop reads no clock and a sleep has no timeout.
/// </remarks>
internal sealed class IdleSweep : ITimerHandler
{
    /// <summary>Chunks that may stay lent to connections that are idle: 16 MiB at most with chunks of 256 KiB, and all of it only after large writes.</summary>
    public const int Tolerated = 64;

    // What the pools keep once all is quiet: enough for a few who begin again.
    private const int KeptWhenQuiet = 16;

    /// <summary>Between two looks, in nanoseconds: a chunk comes back one to two of these after the last bytes.</summary>
    public const long PeriodNs = 500_000_000;

    private readonly ServerLoop _home;
    private readonly List<ServerConnection> _holders = [];
    private readonly LoopTimer _timer;

    public IdleSweep(ServerLoop home)
    {
        _home = home;
        _timer = new LoopTimer(this);
    }

    /// <summary>The connection has been lent a chunk.</summary>
    public void Add(ServerConnection connection)
    {
        connection.HolderIndex = _holders.Count;
        _holders.Add(connection);
        if (_holders.Count > Tolerated && !_timer.IsRunning)
        {
            StartTimer();
        }
    }

    /// <summary>The connection has given its chunk back.</summary>
    public void Remove(ServerConnection connection)
    {
        ServerConnection last = _holders[^1];
        _holders[connection.HolderIndex] = last;
        last.HolderIndex = connection.HolderIndex;
        _holders.RemoveAt(_holders.Count - 1);
    }

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer)
    {
        if (_holders.Count > Tolerated)
        {
            for (int i = _holders.Count - 1; i >= 0; i--)
            {
                _holders[i].GiveChunkBackIfIdle();
            }

            StartTimer();
        }
        else
        {
            _home.TrimPools(KeptWhenQuiet);
        }
    }

    /// <summary>Looks no more.</summary>
    public void Stop() => _home.Loop.StopTimer(_timer);

    private void StartTimer() => _home.Loop.StartTimer(_timer, _home.Loop.NowNs + PeriodNs);
}
