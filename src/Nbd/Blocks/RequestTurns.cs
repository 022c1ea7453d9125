using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Stands before the chain of an export that is not parallel, and before those of others that share a block with it which asks for that. It lets its
/// requests in one by one, in the order in which they came: those of one client (<see cref="ThreadModel.SerializeRequests"/>), or of all
/// (<see cref="ThreadModel.SerializeAllRequests"/> and stricter). Nobody's thread waits: a request that is not first is a link in a list. A parallel
/// chain has none of this before it. A request with FUA has its turn until the flush that stands in for that has ended too.
/// </summary>
/// <remarks>
/// Requests of all clients may be of different loops. The next one is posted to its loop, and is the only one that is, so that each loop needs one place for
/// it. A client's requests are all of one loop, so that lines of their own need no lock.
/// </remarks>
internal sealed class RequestTurns
{
    private readonly RequestLine? _shared;
    private readonly PerLoop<LoopTurn> _loops;

    public RequestTurns(ThreadModel model)
    {
        _shared = model == ThreadModel.SerializeRequests ? null : new RequestLine();
        _loops = new PerLoop<LoopTurn>(home => new LoopTurn(this, home));
    }

    /// <summary>A request comes; a child of it goes into its graph when it is its turn. On the thread of its loop.</summary>
    public void Take(BlockRequest request) => _loops.Of(request.Home).Take(request);

    /// <summary>What one loop does: it lets requests in, one after the other of each line. All of it on the loop's thread.</summary>
    private sealed class LoopTurn(RequestTurns turns, BlockLoop home) : LoopWork, IBlockRequestOwner
    {
        private readonly Dictionary<IBlockRequestOwner, RequestLine> _clients = [];
        private readonly Stack<RequestLine> _free = new();

        // First in their lines, to be started here one after the other and not by calls within calls, however many a store completes within its start.
        private readonly Queue<BlockRequest> _first = new();
        private BlockRequest? _handedOver;
        private bool _starting;

        public void Take(BlockRequest request)
        {
            request.TakesTurns = true;
            if (turns._shared is { } shared ? shared.Enter(request) : LineOf(request.Owner).Enter(request))
            {
                GoOn(request);
            }
        }

        /// <inheritdoc/>
        void IBlockRequestOwner.OnRequestCompleted(BlockRequest child)
        {
            BlockRequest request = child.Parent!;
            if (child.Error == 0 && request.Graph!.FlushesAfter(request))
            {
                // Both are one request to the client: nobody's turn comes between a write and the flush that makes it durable.
                child.Release();
                request.RestartAsFlush();
                GoOn(request);
                return;
            }

            // The line moves before the client hears of it, since who hears may ask for more at once, and that is to queue behind those that wait.
            IBlockRequestOwner client = request.Owner;
            BlockRequest? next = turns._shared is { } shared ? shared.Leave() : LeaveOwn(client);
            request.TakesTurns = false;
            child.EndWithParent();
            if (next is null)
            {
                return;
            }

            if (next.Home == home)
            {
                GoOn(next);
            }
            else
            {
                LoopTurn other = turns._loops.Of(next.Home);
                other._handedOver = next;
                next.Home.Loop.Post(other);
            }
        }

        /// <summary>Another loop's request has ended, and the next in line is one of this loop.</summary>
        protected override void Run()
        {
            BlockRequest next = _handedOver!;
            _handedOver = null;
            GoOn(next);
        }

        private void GoOn(BlockRequest request)
        {
            _first.Enqueue(request);
            if (_starting)
            {
                return;
            }

            _starting = true;
            while (_first.TryDequeue(out BlockRequest? first))
            {
                first.MakeChild(this).StartOn(first.Graph!.Edge);
            }

            _starting = false;
        }

        private RequestLine LineOf(IBlockRequestOwner client)
        {
            if (!_clients.TryGetValue(client, out RequestLine? line))
            {
                line = _free.TryPop(out RequestLine? free) ? free : new RequestLine();
                _clients.Add(client, line);
            }

            return line;
        }

        /// <summary>A client with nothing to do has no line, so that those that leave leave nothing.</summary>
        private BlockRequest? LeaveOwn(IBlockRequestOwner client)
        {
            RequestLine line = _clients[client];
            BlockRequest? next = line.Leave();
            if (next is null)
            {
                _clients.Remove(client);
                _free.Push(line);
            }

            return next;
        }
    }
}

/// <summary>A request inside, and those that wait for it, oldest first. Any thread: the lock costs nothing where only one loop comes.</summary>
internal sealed class RequestLine
{
    private readonly Lock _lock = new();
    private BlockRequest? _head;
    private BlockRequest? _tail;
    private bool _taken;

    /// <summary>True where nobody is inside, and the request now is; elsewhere it waits.</summary>
    public bool Enter(BlockRequest request)
    {
        lock (_lock)
        {
            if (!_taken)
            {
                _taken = true;
                return true;
            }

            if (_tail is null)
            {
                _head = request;
            }
            else
            {
                _tail.Next = request;
            }

            _tail = request;
            return false;
        }
    }

    /// <summary>The one inside has ended. Returns the next, which now is inside, or null.</summary>
    public BlockRequest? Leave()
    {
        lock (_lock)
        {
            BlockRequest? next = _head;
            _taken = next is not null;
            if (next is not null)
            {
                _head = next.Next;
                _tail = _head is null ? null : _tail;
                next.Next = null;
            }

            return next;
        }
    }
}
