using Harness.Io;

namespace Harness.Tests;

/// <summary>Buckets whose limits are powers of two, and the sum of what they hold.</summary>
public sealed class BatchSizesTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 4)]
    [InlineData(63, 32)]
    [InlineData(64, 64)]
    [InlineData(32767, 16384)]
    [InlineData(65535, 32768)]
    [InlineData(65536, 65536)]
    [InlineData(long.MaxValue, 65536)]
    public void A_batch_is_counted_in_the_bucket_of_its_size(long size, int least)
    {
        var sizes = new BatchSizes();
        sizes.Add(size);
        int bucket = sizes.Counts.IndexOf(1);
        Assert.Equal(least, BatchSizes.LeastOf(bucket));
        Assert.Equal(1, sizes.Counts.ToArray().Sum());
        Assert.Equal(size, sizes.Total);
    }

    [Fact]
    public void The_sum_is_exact_and_counting_allocates_nothing()
    {
        var sizes = new BatchSizes();
        sizes.Add(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int size = 0; size < 1000; size++)
        {
            sizes.Add(size);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(1 + (999 * 500), sizes.Total);
        Assert.Equal(1001, sizes.Counts.ToArray().Sum());
    }
}
