using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Where clients enter an export. With <see cref="ThreadModel.SerializeConnections"/> they do one at a time, in the order in which they asked; who has to wait
/// is posted to its loop when it is inside. Any thread.
/// </summary>
/// <param name="oneAtATime">True where the next one waits for the end of the one before.</param>
internal sealed class Entrance(bool oneAtATime)
{
    private readonly Lock _lock = new();
    private readonly List<(LoopWork Client, EventLoop Loop)> _waiting = [];
    private int _inside;

    /// <summary>Clients that have entered and not left.</summary>
    public int Inside
    {
        get
        {
            lock (_lock)
            {
                return _inside;
            }
        }
    }

    /// <summary>True where the client is inside now; elsewhere it will be when it runs on its loop.</summary>
    /// <param name="client">Needed only where clients go in one at a time.</param>
    /// <param name="loop">The client's loop.</param>
    public bool Enter(LoopWork? client, EventLoop loop)
    {
        lock (_lock)
        {
            if (!oneAtATime || _inside == 0)
            {
                _inside++;
                return true;
            }

            _waiting.Add((client!, loop));
            return false;
        }
    }

    /// <summary>A client that waits no longer wants to. Returns false where it is inside already, and its turn is posted.</summary>
    public bool Withdraw(LoopWork client)
    {
        lock (_lock)
        {
            return _waiting.RemoveAll(waiting => waiting.Client == client) > 0;
        }
    }

    /// <summary>A client that was inside has gone.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _inside--;
            if (_inside == 0 && _waiting is [(var client, var loop), ..])
            {
                _waiting.RemoveAt(0);
                _inside++;
                loop.Post(client);
            }
        }
    }
}
