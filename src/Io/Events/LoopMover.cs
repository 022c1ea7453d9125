namespace Harness.Io;

/// <summary>Moves tokens with the events of a loop.</summary>
internal sealed class LoopMover : IPipeMover
{
    private readonly EventLoop _loop;
    private readonly PipeRing _pipes;
    private readonly bool _oneByOne;
    private readonly FdEvent[] _events;

    /// <param name="pipes">The pipes.</param>
    /// <param name="backend">What the loop asks.</param>
    /// <param name="maxEvents">How many events are taken at a time; 1 is one handler for each look at the kernel.</param>
    /// <param name="edge">The backend tells of news only, so a handler takes all that there is.</param>
    public LoopMover(PipeRing pipes, ILoopBackend backend, int maxEvents, bool edge)
    {
        _pipes = pipes;
        _oneByOne = maxEvents == 1;
        _loop = new EventLoop(backend) { MaxEvents = maxEvents };
        _events = new FdEvent[pipes.Count];
        for (int pipe = 0; pipe < pipes.Count; pipe++)
        {
            _events[pipe] = new FdEvent(edge ? new Drainer(this, pipe) : new Taker(pipes, pipe));
            _loop.AddFd(_events[pipe], pipes.ReadEnd(pipe), FdFlags.Read);
        }
    }

    public LoopCounters Counters => _loop.Counters;

    public void MoveUntil(long moved)
    {
        while (_pipes.Moved < moved)
        {
            if (_oneByOne)
            {
                _loop.LoopOnce();
            }
            else
            {
                _loop.RunOnce();
            }
        }
    }

    public void Dispose()
    {
        foreach (FdEvent fdEvent in _events)
        {
            _loop.RemoveFd(fdEvent);
        }

        _loop.Dispose();
    }

    /// <summary>Takes one token and leaves the others: it is told again.</summary>
    private sealed class Taker(PipeRing pipes, int pipe) : IFdHandler
    {
        public void OnReady(FdEvent fdEvent, FdFlags ready)
        {
            if (pipes.Take(pipe, 1) == 1)
            {
                pipes.Pass(pipe);
            }
        }

        public void OnEnded(FdEvent fdEvent, int error) => throw new IoException("a pipe's event ended", -error);
    }

    /// <summary>
    /// Takes all tokens that are there, passes one on, and asks to be called again for the others: a server that reads into a buffer does as much. A read that
    /// brings less than it asked for has emptied the pipe.
    /// </summary>
    private sealed class Drainer(LoopMover mover, int pipe) : IFdHandler
    {
        private const int Most = 64;

        private int _taken;
        private bool _mayHaveMore;

        public void OnReady(FdEvent fdEvent, FdFlags ready)
        {
            if (_taken > 0)
            {
                // This call may be news as well as our own asking.
                _mayHaveMore = true;
            }
            else
            {
                _taken = mover._pipes.Take(pipe, Most);
                _mayHaveMore = _taken == Most;
            }

            if (_taken > 0)
            {
                _taken--;
                mover._pipes.Pass(pipe);
            }

            if (_taken > 0 || _mayHaveMore)
            {
                mover._loop.ReportReady(fdEvent.Fd, FdFlags.Read);
            }
        }

        public void OnEnded(FdEvent fdEvent, int error) => throw new IoException("a pipe's event ended", -error);
    }
}
