using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>
/// One system call before each request of one loop: a receive from a stream whose other end is closed. It is an operation of the loop like the server's own,
/// so the loop counts it as it counts those: recv(2) at once on the readiness backends, an entry and the enter that brings its completion on <c>uring</c>.
/// Requests take turns, so that not even a ring can do several at once.
/// </summary>
internal sealed class SeededSystemCalls : IIoHandler, IDisposable
{
    private readonly EventLoop _loop;
    private readonly IBlock _store;
    private readonly Queue<BlockRequest> _waiting = new();
    private readonly NativeBuffer _nothing = new(1);
    private readonly IoOperation _receive;
    private readonly int _ended;

    public SeededSystemCalls(EventLoop loop, IBlock store)
    {
        _loop = loop;
        _store = store;
        _receive = new IoOperation(this);
        (_ended, int other) = Sockets.Pair();
        Sockets.CloseUnused(other);
    }

    public void Start(BlockRequest request)
    {
        _waiting.Enqueue(request);
        if (_waiting.Count == 1)
        {
            _loop.Receive(_receive, _ended, _nothing.Whole);
        }
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        // It keeps its place until it is through: a store that completes at once may bring the next request from within.
        _store.Start(_waiting.Peek());
        _waiting.Dequeue();
        if (_waiting.Count > 0)
        {
            _loop.Receive(_receive, _ended, _nothing.Whole);
        }
    }

    // The loop has ended by now, or it would have to close its descriptor itself.
    public void Dispose()
    {
        Sockets.CloseUnused(_ended);
        _nothing.Dispose();
    }
}
