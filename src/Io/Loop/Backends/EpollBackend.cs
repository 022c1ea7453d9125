using Harness.Io.Native;

namespace Harness.Io;

/// <summary><c>epoll</c>: the loop sleeps in epoll_wait(2).</summary>
internal sealed class EpollBackend : EpollReadiness
{
    public EpollBackend()
        : this(edge: false)
    {
    }

    /// <summary>With level-triggered or, for the pipe test, edge-triggered events.</summary>
    public EpollBackend(bool edge)
        : base(edge)
    {
        Set.Control(Epoll.EPOLL_CTL_ADD, WakeUp.Fd, Epoll.EPOLLIN);
    }

    public override string Name => "epoll";

    public override void Wait(long timeoutNs, int maxEvents) => Report(Set.Wait(HasAlwaysReady ? 0 : timeoutNs, maxEvents));

    protected override bool IsOwn(int fd)
    {
        if (fd != WakeUp.Fd)
        {
            return false;
        }

        WakeUp.Clear();
        Calls.Count(SystemCall.read);
        return true;
    }
}
