using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Moves tokens with completions: a multishot read for each pipe puts what arrives into a ring of buffers, and the completion is the event.</summary>
internal sealed class CompletionMover : IPipeMover
{
    private const int BufferBytes = 64;

    private readonly PipeRing _pipes;
    private readonly Ring _ring;
    private readonly BufferRing _buffers;

    public CompletionMover(PipeRing pipes)
    {
        _pipes = pipes;
        _ring = new Ring(new RingOptions { Entries = 1024 });
        _ring.Enable();
        _ring.RegisterRingFd();
        if (!RingProbe.Of(_ring).IsSupported(RingOpcode.READ_MULTISHOT))
        {
            _ring.Dispose();
            throw new NotSupportedException("this kernel has no IORING_OP_READ_MULTISHOT (Linux 6.7)");
        }

        _buffers = _ring.RegisterBufferRing(0, 1024, BufferBytes);
        for (int pipe = 0; pipe < pipes.Count; pipe++)
        {
            Arm(pipe);
        }
    }

    public LoopCounters Counters { get; } = new();

    public void MoveUntil(long moved)
    {
        while (_pipes.Moved < moved)
        {
            int result = _ring.SubmitAndWait(1);
            if (result < 0 && result is not (-Errno.EINTR or -Errno.EAGAIN or -Errno.EBUSY))
            {
                throw new IoException("io_uring_enter failed", -result);
            }

            while (_ring.TryTake(out Cqe completion))
            {
                OnCompletion(completion);
            }
        }

        Counters.SystemCallsByName[(int)SystemCall.io_uring_enter] = _ring.Enters;
        Counters.Cqes = _ring.Cqes;
    }

    public void Dispose()
    {
        _ring.PrepareCancelAny(0);
        _ring.SubmitAndGetEvents();
        _buffers.Dispose();
        _ring.Dispose();
    }

    private void OnCompletion(Cqe completion)
    {
        int pipe = (int)completion.UserData;
        if (completion.Result > 0)
        {
            int tokens = _buffers.Take(completion).Length;
            _buffers.Recycle(completion.BufferId);
            for (int token = 0; token < tokens; token++)
            {
                _pipes.Pass(pipe);
            }
        }

        if (!completion.HasMore)
        {
            Arm(pipe);
        }
    }

    private void Arm(int pipe)
    {
        while (!_ring.PrepareReadMultishot(_pipes.ReadEnd(pipe), _buffers.GroupId, (ulong)pipe))
        {
            _ring.Submit();
        }
    }
}
