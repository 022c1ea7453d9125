using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What every store owes its clients, on a real loop: what was written is read, zeroes are zeroes, and nothing is left in use.</summary>
public class BlocksStoreTests
{
    private const int DiskBytes = 4 << 20;

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (string backend in LoopBackends.All)
        {
            cases.Add(backend, "memory");
            cases.Add(backend, "file");
        }

        return cases;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void RandomRequestsAgreeWithAModel(string backend, string store)
    {
        using var world = new StoreWorld(backend, store, DiskBytes);
        byte[] model = new byte[DiskBytes];
        var random = new Random(7);
        for (int i = 0; i < TestScale.Pick(300, 5000); i++)
        {
            int offset = random.Next(DiskBytes);
            int length = 1 + random.Next(Math.Min(DiskBytes - offset, random.Next(20) == 0 ? 2 << 20 : 10_000));
            switch (random.Next(4))
            {
                case 0:
                    Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, offset, length, random.Next(2) == 0 ? NbdCommandFlags.NoHole : 0));
                    model.AsSpan(offset, length).Clear();
                    break;
                case 1:
                    byte[] data = Wire.Data(i, length);
                    Assert.Equal(0, world.Write(offset, data, random.Next(4) == 0 ? NbdCommandFlags.Fua : 0));
                    data.CopyTo(model, offset);
                    break;
                case 2:
                    Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
                    break;
                default:
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(world.Read(offset, length)), $"step {i}");
                    break;
            }
        }

        world.AssertNothingLeft();
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void ATrimmedRangeReadsAsZeroes(string backend, string store)
    {
        using var world = new StoreWorld(backend, store, DiskBytes);
        world.Write(0, Wire.Data(1, 100_000));
        Assert.Equal(0, world.Do(NbdCommand.Trim, 5000, 90_000));
        byte[] expected = Wire.Data(1, 100_000);
        expected.AsSpan(5000, 90_000).Clear();
        Assert.Equal(expected, world.Read(0, 100_000));
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void AWriteOfTheWholeDiskIsOneRequest(string backend, string store)
    {
        using var world = new StoreWorld(backend, store, DiskBytes);
        byte[] data = Wire.Data(2, DiskBytes);
        Assert.Equal(0, world.Write(0, data));
        Assert.Equal(data, world.Read(0, DiskBytes));
        Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, 0, DiskBytes, NbdCommandFlags.FastZero));
        Assert.Equal(new byte[DiskBytes], world.Read(0, DiskBytes));
    }

    [Fact]
    public void AMemoryDiskMayBeLargerThanTheMachine()
    {
        using var store = new MemoryStore(4ul << 40);
        store.Open();
        Assert.Equal(4ul << 40, store.Size);
    }

    [Fact]
    public void ANullDiskReadsAsOneHole()
    {
        using var world = new StoreWorld("epoll", "null", DiskBytes);
        Assert.Equal(0, world.Write(0, Wire.Data(1, 1000)));
        Assert.Equal(new byte[DiskBytes], world.Read(0, DiskBytes));
    }

    [Fact]
    public void AFileCutShortIsAnErrorAndNotStrangeData()
    {
        using var world = new StoreWorld("epoll", "file", DiskBytes);
        using (FileStream file = File.Open(world.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(1000);
        }

        Assert.Equal(5, world.Do(NbdCommand.Read, 500, 1000));
        world.AssertNothingLeft();
    }

    [Fact]
    public void AReadOnlyFileIsServedReadOnly()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[1000]);
        using (var store = new FileStore(path, readOnly: true))
        {
            Assert.True((store.Capabilities & BlockCapabilities.ReadOnly) != 0);
        }

        File.Delete(path);
    }

    /// <summary>A graph on one store and a loop that runs until a request is done.</summary>
    private sealed class StoreWorld : IBlockRequestOwner, IDisposable
    {
        private readonly EventLoop _loop;
        private readonly BlockLoop _home;
        private readonly BlockGraph _graph;
        private byte[] _answer = [];
        private int _error;
        private bool _done;

        public StoreWorld(string backend, string store, int bytes)
        {
            _loop = new EventLoop(Backend(backend));
            _home = new BlockLoop(_loop, 0);
            if (store == "file")
            {
                using FileStream file = File.Create(Path);
                file.SetLength(bytes);
            }

            _graph = new BlockGraph(BlockChain.Parse(store == "file" ? $"file:{Path}" : $"{store}:{bytes}"));
            _graph.Open();
        }

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"harness-store-{Guid.NewGuid():N}");

        public int Do(NbdCommand command, int offset, int length, NbdCommandFlags flags = 0, NativeSlice payload = default)
        {
            BlockRequest request = _home.Rent(this);
            request.Command = command;
            request.Flags = flags;
            request.Offset = (ulong)offset;
            request.Length = (ulong)length;
            request.Payload = payload;
            _done = false;
            _graph.Start(request);
            while (!_done)
            {
                _loop.RunOnce();
            }

            return _error;
        }

        public int Write(int offset, byte[] data, NbdCommandFlags flags = 0)
        {
            using var memory = new NativeBuffer(data.Length);
            data.CopyTo(memory.Whole.Span);
            return Do(NbdCommand.Write, offset, data.Length, flags, memory.Whole);
        }

        public byte[] Read(int offset, int length)
        {
            Assert.Equal(0, Do(NbdCommand.Read, offset, length));
            return _answer;
        }

        public void AssertNothingLeft()
        {
            Assert.Equal(0, _home.RequestsInUse);
            Assert.Equal(0, _home.Buffers.InUse);
            Assert.Equal(0, _loop.PendingOperations);
        }

        public void OnRequestCompleted(BlockRequest request)
        {
            using var answer = new MemoryStream();
            foreach (ReadExtent extent in request.Extents)
            {
                answer.Write(extent.IsHole ? new byte[extent.Length] : extent.Data.Span);
            }

            _answer = answer.ToArray();
            _error = request.Error;
            _done = true;
            request.Release();
        }

        public void Dispose()
        {
            _home.Dispose();
            _graph.Dispose();
            _loop.Dispose();
            File.Delete(Path);
        }

        private static ILoopBackend Backend(string name)
        {
            try
            {
                return LoopBackends.Create(name);
            }
            catch (RingUnavailableException e)
            {
                throw new SkipException(e.Message);
            }
        }
    }
}
