using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The gate in front of every block, and the life of a request.</summary>
public sealed class BlocksGateTests : IBlockRequestOwner, IDisposable
{
    private readonly EventLoop _loop = new(new SimulatedBackend());
    private readonly BlockLoop _home;
    private readonly List<(NbdCommand Command, int Error)> _completed = [];

    public BlocksGateTests()
    {
        _home = new BlockLoop(_loop, 0);
    }

    void IBlockRequestOwner.OnRequestCompleted(BlockRequest request)
    {
        _completed.Add((request.Command, request.Error));
        request.Release();
    }

    public void Dispose()
    {
        _home.Dispose();
        _loop.Dispose();
    }

    [Theory]
    [InlineData(NbdCommand.Read, 0, (1 << 20) - 1, 2u, 22)]
    [InlineData(NbdCommand.Write, 0, (1 << 20) - 1, 2u, 28)]
    [InlineData(NbdCommand.Trim, 0, 1 << 20, 1u, 22)]
    [InlineData(NbdCommand.Cache, 0, 0, 1u, 22)]
    [InlineData(NbdCommand.Flush, 0, 0, 1u, 22)]
    [InlineData(NbdCommand.Read, 2, 0, 1u, 22)]
    [InlineData(NbdCommand.Read, 0, 0, 1u, 0)]
    [InlineData(NbdCommand.Flush, 0, 0, 0u, 0)]
    public void TheGateRefusesWhatTheBlockCannotDo(NbdCommand command, int flags, int offset, uint length, int error)
    {
        var block = new HeldBlock();
        using var graph = new BlockGraph(block);
        graph.Start(Request(command, (NbdCommandFlags)flags, (ulong)offset, length));
        block.CompleteAll();
        Assert.Equal([(command, error)], _completed);
        Assert.Equal(error == 0 ? 1 : 0, block.Commands.Count);
        Assert.Equal(0, graph.InFlightOn(_home).Count);
    }

    [Theory]
    [InlineData(NbdCommand.Write)]
    [InlineData(NbdCommand.Trim)]
    [InlineData(NbdCommand.WriteZeroes)]
    public void AReadOnlyGraphRefusesChangesWithEperm(NbdCommand command)
    {
        using var graph = new BlockGraph(new HeldBlock(), readOnly: true);
        graph.Start(Request(command, 0, 0, 10));
        Assert.Equal([(command, 1)], _completed);
        Assert.True((graph.TransmissionFlags & TransmissionFlags.ReadOnly) != 0);
    }

    [Fact]
    public void FuaWithoutSupportIsAFlushAfterTheWrite()
    {
        var block = new HeldBlock();
        using var graph = new BlockGraph(block);
        graph.Start(Request(NbdCommand.Write, NbdCommandFlags.Fua, 0, 10));
        block.CompleteOne();
        Assert.Equal([NbdCommand.Write, NbdCommand.Flush], block.Commands);
        Assert.Empty(_completed);
        Assert.Equal(1, graph.InFlightOn(_home).Count);
        block.CompleteOne();
        Assert.Equal((NbdCommand.Flush, 0), Assert.Single(_completed));
        Assert.Equal(0, graph.InFlightOn(_home).Count);
    }

    [Fact]
    public void AFailedWriteIsNotFlushed()
    {
        var block = new HeldBlock();
        using var graph = new BlockGraph(block);
        graph.Start(Request(NbdCommand.Write, NbdCommandFlags.Fua, 0, 10));
        block.CompleteOne(error: 28);
        Assert.Equal((NbdCommand.Write, 28), Assert.Single(_completed));
    }

    [Fact]
    public void ARequestInFlightIsCounted()
    {
        var block = new HeldBlock();
        using var graph = new BlockGraph(block);
        graph.Start(Request(NbdCommand.Read, 0, 0, 10));
        graph.Start(Request(NbdCommand.Read, 0, 0, 10));
        Assert.Equal(2, graph.InFlightOn(_home).Count);
        block.CompleteAll();
        Assert.Equal(0, graph.InFlightOn(_home).Count);
    }

    [Fact]
    public void ASecondCompletionThrowsAndNamesTheRequest()
    {
        BlockRequest? kept = null;
        using var graph = new BlockGraph(new ActingBlock(request => kept = request));
        BlockRequest request = _home.Rent(new Keeper());
        request.Command = NbdCommand.Write;
        request.Offset = 512;
        request.Length = 4096;
        graph.Start(request);
        kept!.Complete(0);
        var thrown = Assert.Throws<InvalidOperationException>(() => kept.Complete(5));
        Assert.Equal(
            "WRITE of 4096 bytes at 512 on test block was completed with 5 while it was completed already: a block completes each request exactly once",
            thrown.Message);
        request.Release();
        Assert.Throws<InvalidOperationException>(() => kept.Complete(0));
    }

    [Fact]
    public void ASecondCompletionFromAnotherThreadThrowsThere()
    {
        BlockRequest? kept = null;
        using var graph = new BlockGraph(new ActingBlock(request => kept = request));
        graph.Start(Request(NbdCommand.Flush, 0, 0, 0));
        Exception? thrown = null;
        var thread = new Thread(() =>
        {
            kept!.Complete(0);
            thrown = Record.Exception(() => kept.Complete(0));
        });
        thread.Start();
        thread.Join();
        Assert.IsType<InvalidOperationException>(thrown);
        Assert.Empty(_completed);
        _loop.RunOnce();
        Assert.Equal((NbdCommand.Flush, 0), Assert.Single(_completed));
    }

    [Fact]
    public void RequestsAndBuffersAreReused()
    {
        var block = new HeldBlock();
        using var graph = new BlockGraph(block);
        for (int i = 0; i < 100; i++)
        {
            Turn();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Turn();
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100);

        void Turn()
        {
            BlockRequest request = _home.Rent(Keeper.Releasing);
            request.Command = NbdCommand.Read;
            request.Length = 5000;
            PooledBuffer buffer = _home.Buffers.Rent(5000);
            graph.Start(request);
            block.Held.Clear();
            block.Commands.Clear();
            request.AddData(buffer.Slice, buffer);
            request.Complete(0);
        }
    }

    private BlockRequest Request(NbdCommand command, NbdCommandFlags flags, ulong offset, uint length)
    {
        BlockRequest request = _home.Rent(this);
        request.Command = command;
        request.Flags = flags;
        request.Offset = offset;
        request.Length = length;
        return request;
    }

    private sealed class Keeper(bool release = false) : IBlockRequestOwner
    {
        public static readonly Keeper Releasing = new(release: true);

        public void OnRequestCompleted(BlockRequest request)
        {
            if (release)
            {
                request.Release();
            }
        }
    }
}
