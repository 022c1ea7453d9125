using Harness.Io.Native;

namespace Harness.Io;

/// <content>What the loop knows of each descriptor: what is pending on it, and whether it is being closed.</content>
/// <remarks>
/// close(2) does not end what is pending in io_uring: the peer sees no end of stream and a later event still completes the operation. So a close is:
/// cancel all, wait for every last completion, shut down, close, raise the generation. The same contract holds on every backend.
/// </remarks>
public sealed partial class EventLoop
{
    private Descriptor?[] _descriptors = new Descriptor?[64];

    /// <summary>
    /// How often a descriptor of this number has been closed through this loop: code that remembers a number together with its generation can tell a reuse.
    /// </summary>
    public uint Generation(int fd) => DescriptorOf(fd).Generation;

    /// <summary>For backends: the kernel holds nothing of the backend's own on the descriptor any more; see <see cref="ILoopBackend.Quiesce"/>.</summary>
    public void DescriptorQuiet(int fd) => FinishClose(DescriptorOf(fd));

    private Descriptor DescriptorOf(int fd)
    {
        if ((uint)fd < (uint)_descriptors.Length && _descriptors[fd] is { } known)
        {
            return known;
        }

        return AddDescriptor(fd);
    }

    private Descriptor AddDescriptor(int fd)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fd);
        if (fd >= _descriptors.Length)
        {
            Array.Resize(ref _descriptors, Math.Max(fd + 1, _descriptors.Length * 2));
        }

        return _descriptors[fd] = new Descriptor(fd);
    }

    private void BeginClose(IoOperation close)
    {
        Descriptor descriptor = DescriptorOf(close.Fd);
        if (descriptor.Closing is not null)
        {
            Complete(close, -Errno.EBADF);
            return;
        }

        descriptor.Closing = close;
        for (IoOperation? pending = descriptor.Head; pending is not null;)
        {
            // The backend may complete it at once, but it stays linked until its handler has run.
            IoOperation? next = pending.NextOnFd;
            Cancel(pending);
            pending = next;
        }

        EndEvents(descriptor, -Errno.ECANCELED);
        ContinueClose(close.Fd);
    }

    private void ContinueClose(int fd)
    {
        Descriptor descriptor = DescriptorOf(fd);
        if (descriptor.Closing is not null && descriptor.Head is null && descriptor.EventsEnding == 0 && !descriptor.Quiescing)
        {
            descriptor.Quiescing = true;
            if (_backend.Quiesce(fd))
            {
                FinishClose(descriptor);
            }
        }
    }

    private void FinishClose(Descriptor descriptor)
    {
        IoOperation close = descriptor.Closing ?? throw new InvalidOperationException($"descriptor {descriptor.Fd} is not being closed");
        _backend.CloseDescriptor(descriptor.Fd, descriptor.IsSocket);
        descriptor.Closing = null;
        descriptor.Quiescing = false;
        descriptor.IsSocket = false;
        descriptor.Generation++;
        Complete(close, 0);
    }

    /// <summary>One descriptor number of this process, as this loop sees it.</summary>
    private sealed class Descriptor(int fd)
    {
        public readonly int Fd = fd;
        public IoOperation? Head;
        public IoOperation? Closing;
        public bool Quiescing;
        public bool IsSocket;
        public uint Generation;

        /// <summary>Its events, those whose handlers were called longest ago first.</summary>
        public FdEvent? Events;

        /// <summary>How many of its events have ended and have not been told yet.</summary>
        public int EventsEnding;

        /// <summary>What its events together ask for.</summary>
        public FdFlags Interest;

        /// <summary>What the backend has reported and no handler has been told.</summary>
        public FdFlags Ready;

        /// <summary>What a batch is telling handlers at present.</summary>
        public FdFlags Telling;

        /// <summary>The count of handler calls at the report.</summary>
        public long ReadyAt;

        /// <summary>In a checked loop, the file that its events were added for.</summary>
        public FileIdentity? Identity;

        public Descriptor? NextReady;
        public bool IsQueued;

        public void Append(FdEvent fdEvent)
        {
            fdEvent.Next = null;
            ref FdEvent? end = ref Events;
            while (end is not null)
            {
                end = ref end.Next;
            }

            end = fdEvent;
        }

        public void Remove(FdEvent fdEvent)
        {
            ref FdEvent? link = ref Events;
            while (link is not null && link != fdEvent)
            {
                link = ref link.Next;
            }

            if (link is not null)
            {
                link = fdEvent.Next;
                fdEvent.Next = null;
            }
        }

        public void Link(IoOperation operation)
        {
            IsSocket |= operation.Kind is OperationKind.Accept or OperationKind.Connect or OperationKind.Receive or OperationKind.Send;
            operation.PreviousOnFd = null;
            operation.NextOnFd = Head;
            if (Head is not null)
            {
                Head.PreviousOnFd = operation;
            }

            Head = operation;
        }

        public void Unlink(IoOperation operation)
        {
            if (operation.PreviousOnFd is { } previous)
            {
                previous.NextOnFd = operation.NextOnFd;
            }
            else if (Head == operation)
            {
                Head = operation.NextOnFd;
            }

            if (operation.NextOnFd is { } next)
            {
                next.PreviousOnFd = operation.PreviousOnFd;
            }

            operation.PreviousOnFd = null;
            operation.NextOnFd = null;
        }
    }
}
